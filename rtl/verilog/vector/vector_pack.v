// Rounds results to operands: int32 is clipped to int8, float32 rounded to bfloat16, to nearest, ties to even.
// Combinational.
module vector_pack #(
    parameter OPERAND_BITS = 8
) (
    input  wire [31:0]             result,
    output wire [OPERAND_BITS-1:0] operand
);
    generate
        if (OPERAND_BITS == 8) begin : int8
            assign operand = (result[31:7] == {25{result[31]}}) ? result[7:0] : {result[31], {7{~result[31]}}};
        end else begin : bfloat16
            wire up;

            assign up = result[15] & (result[16] | (result[14:0] != 15'd0));
            assign operand = (result[30:0] > 31'h7f800000) ? 16'h7fc0 : result[31:16] + {15'd0, up};
        end
    endgenerate
endmodule
