// A value and a limit, y or zero: 0 the value as it is, 1 the larger of the two, 2 the smaller, 3 the value where y is
// above zero and else zero. int32 or float32; a NaN is not above zero.
module vector_limit #(
    parameter OPERAND_BITS = 8
) (
    input  wire [31:0] value,
    input  wire [31:0] y,
    input  wire [1:0]  limit,
    input  wire        limit_by_y,
    output wire [31:0] limited
);
    wire [31:0] larger;
    wire [31:0] smaller;
    wire above;

    vector_greater #(
        .OPERAND_BITS(OPERAND_BITS)
    ) compare (
        .a(value),
        .b(limit_by_y ? y : 32'd0),
        .larger(larger),
        .smaller(smaller)
    );

    assign above = ~y[31] & (y != 32'd0) & ((OPERAND_BITS == 8) | (y[30:0] <= 31'h7f800000));
    assign limited = (limit == 2'd1) ? larger : (limit == 2'd2) ? smaller : ((limit == 2'd0) | above) ? value : 32'd0;
endmodule
