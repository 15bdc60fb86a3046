// One processing element of the weight-stationary array: psum_out = psum_in + activation * weight, in three stages.
//   stage 1  register the activation (and hand it on to the right); at the first activation of a tile take over the
//            weight that was shifted in behind the current one
//   stage 2  multiply        stage 3  add the partial sum that comes from above
// A partial sum of r + 1 int8 products needs 16 + clog2(r + 1) bits: the array gives each row just that, so it is exact.
module pe #(
    parameter PSUM_BITS = 16
) (
    input  wire                 clk,
    input  wire [7:0]           act_in,
    input  wire                 first_in,
    output wire [7:0]           act_out,
    output wire                 first_out,
    input  wire                 shift,
    input  wire [7:0]           weight_in,
    output wire [7:0]           weight_out,
    input  wire [PSUM_BITS-1:0] psum_in,
    output wire [PSUM_BITS-1:0] psum_out
);
    reg signed [7:0] act;
    reg first;
    reg [7:0] next_weight;
    reg signed [7:0] weight;
    reg signed [15:0] product;
    reg [PSUM_BITS-1:0] psum;

    assign act_out = act;
    assign first_out = first;
    assign weight_out = next_weight;
    assign psum_out = psum;

    always @(posedge clk) begin
        act <= act_in;
        first <= first_in;
        if (shift)
            next_weight <= weight_in;
        if (first_in)
            weight <= next_weight;
        product <= act * weight;
        psum <= psum_in + {{(PSUM_BITS-15){product[15]}}, product[14:0]};
    end
endmodule
