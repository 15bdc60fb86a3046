// One processing element of the weight-stationary array: psum_out = psum_in + activation * weight, in three stages.
//   stage 1  register the activation (and hand it on to the right); at the first activation of a tile take over the
//            weight that was shifted in behind the current one
//   stage 2  multiply        stage 3  add the partial sum that comes from above
// A partial sum of r + 1 int8 products needs 16 + clog2(r + 1) bits: the array gives each row just that, so it is exact.
// Of bfloat16 products it is a float32, rounded in each row.
module pe #(
    parameter OPERAND_BITS = 8,
    parameter PSUM_BITS = 16
) (
    input  wire                    clk,
    input  wire [OPERAND_BITS-1:0] act_in,
    input  wire                    first_in,
    output wire [OPERAND_BITS-1:0] act_out,
    output wire                    first_out,
    input  wire                    shift,
    input  wire [OPERAND_BITS-1:0] weight_in,
    output wire [OPERAND_BITS-1:0] weight_out,
    input  wire [PSUM_BITS-1:0]    psum_in,
    output wire [PSUM_BITS-1:0]    psum_out
);
    localparam PRODUCT_BITS = (OPERAND_BITS == 8) ? 16 : 32;

    reg [OPERAND_BITS-1:0] act;
    reg first;
    reg [OPERAND_BITS-1:0] next_weight;
    reg [OPERAND_BITS-1:0] weight;
    reg [PRODUCT_BITS-1:0] product;
    reg [PSUM_BITS-1:0] psum;
    wire [PRODUCT_BITS-1:0] next_product;
    wire [PSUM_BITS-1:0] next_psum;

    assign act_out = act;
    assign first_out = first;
    assign weight_out = next_weight;
    assign psum_out = psum;

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
            assign next_psum = psum_in + {{(PSUM_BITS-15){product[15]}}, product[14:0]};
        end else begin : bfloat16
            fp32_adder adder (
                .a(psum_in),
                .b(product),
                .sum(next_psum)
            );
        end
    endgenerate

    always @(posedge clk) begin
        act <= act_in;
        first <= first_in;
        if (shift)
            next_weight <= weight_in;
        if (first_in)
            weight <= next_weight;
        product <= next_product;
        psum <= next_psum;
    end
endmodule
