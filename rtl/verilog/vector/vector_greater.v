// The larger and the smaller of two int32 or float32 numbers, -0 below +0; the NaN 7fc00000 where one of them is NaN.
module vector_greater #(
    parameter OPERAND_BITS = 8
) (
    input  wire [31:0] a,
    input  wire [31:0] b,
    output wire [31:0] larger,
    output wire [31:0] smaller
);
    localparam [0:0] FLOAT = OPERAND_BITS != 8;

    // Numbers without sign, in the same order.
    wire [31:0] a_key;
    wire [31:0] b_key;
    wire is_nan;
    wire a_larger;

    assign a_key = a ^ {1'b1, {31{a[31] & FLOAT}}};
    assign b_key = b ^ {1'b1, {31{b[31] & FLOAT}}};
    assign is_nan = FLOAT & ((a[30:0] > 31'h7f800000) | (b[30:0] > 31'h7f800000));
    assign a_larger = a_key > b_key;
    assign larger = is_nan ? 32'h7fc00000 : a_larger ? a : b;
    assign smaller = is_nan ? 32'h7fc00000 : a_larger ? b : a;
endmodule
