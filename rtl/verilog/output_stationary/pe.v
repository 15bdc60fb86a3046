// One processing element of the output-stationary array: it sums activation * weight over K, in three stages.
//   stage 1  register both operands (and hand the activation on to the right, the weight downwards)
//   stage 2  multiply        stage 3  add to the sum
// The first operands of a tile start a new sum; the one before goes into `result`, a stage of a shift register that
// moves upwards in every cycle.
module pe #(
    parameter OPERAND_BITS = 8
) (
    input  wire                    clk,
    input  wire [OPERAND_BITS-1:0] act_in,
    input  wire                    first_in,
    output wire [OPERAND_BITS-1:0] act_out,
    output wire                    first_out,
    input  wire [OPERAND_BITS-1:0] weight_in,
    output wire [OPERAND_BITS-1:0] weight_out,
    input  wire [31:0]             result_in,
    output wire [31:0]             result_out
);
    localparam PRODUCT_BITS = (OPERAND_BITS == 8) ? 16 : 32;

    reg [OPERAND_BITS-1:0] act;
    reg [OPERAND_BITS-1:0] weight;
    reg first;
    reg first_product;
    reg [PRODUCT_BITS-1:0] product;
    reg [31:0] sum;
    reg [31:0] result;
    wire [PRODUCT_BITS-1:0] next_product;
    wire [31:0] onto;
    wire [31:0] next_sum;

    assign act_out = act;
    assign first_out = first;
    assign weight_out = weight;
    assign result_out = result;
    assign onto = first_product ? 32'd0 : sum;

    operand_multiplier #(
        .OPERAND_BITS(OPERAND_BITS),
        .PRODUCT_BITS(PRODUCT_BITS)
    ) multiplier (
        .act(act),
        .weight(weight),
        .product(next_product)
    );

    generate
        if (OPERAND_BITS == 8) begin : int8
            assign next_sum = onto + {{17{product[15]}}, product[14:0]};
        end else begin : bfloat16
            fp32_adder adder (
                .a(onto),
                .b(product),
                .sum(next_sum)
            );
        end
    endgenerate

    always @(posedge clk) begin
        act <= act_in;
        weight <= weight_in;
        first <= first_in;
        first_product <= first;
        product <= next_product;
        sum <= next_sum;
        result <= first_product ? sum : result_in;
    end
endmodule
