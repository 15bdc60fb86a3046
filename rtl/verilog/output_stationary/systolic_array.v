// ROWS x COLS processing elements that each keep a sum. Activations enter on the left, row r one cycle after row
// r - 1, and move right; weights enter from the top, column c one cycle after column c - 1, and move down. When the
// first operands of the next tile enter row 0, the last tile's results leave the top: that of row r and column c
// 3 + 2 r + c cycles later.
module systolic_array #(
    parameter ROWS = 4,
    parameter COLS = 4,
    parameter OPERAND_BITS = 8,
    parameter PSUM_BITS = 32
) (
    input  wire                         clk,
    input  wire [OPERAND_BITS*ROWS-1:0] act,
    input  wire [ROWS-1:0]              act_first,
    input  wire [OPERAND_BITS*COLS-1:0] weight,
    input  wire [COLS-1:0]              weight_shift,
    output wire [PSUM_BITS*COLS-1:0]    psum
);
    genvar r;
    genvar c;
    generate
        for (r = 0; r < ROWS; r = r + 1) begin : row
            wire [OPERAND_BITS*(COLS+1)-1:0] act_wire;
            wire [COLS:0] first_wire;
            wire [OPERAND_BITS*COLS-1:0] weight_above;
            wire [OPERAND_BITS*COLS-1:0] weight_below;
            wire [PSUM_BITS*COLS-1:0] result_above;
            wire [PSUM_BITS*COLS-1:0] result_below;
            wire unused;

            assign unused = &{1'b0, act_wire[OPERAND_BITS*COLS +: OPERAND_BITS], first_wire[COLS]};
            assign act_wire[OPERAND_BITS-1:0] = act[OPERAND_BITS*r +: OPERAND_BITS];
            assign first_wire[0] = act_first[r];
            if (r == 0) begin : top
                assign weight_above = weight;
            end else begin : inner
                assign weight_above = row[r-1].weight_below;
            end
            if (r == ROWS - 1) begin : bottom
                assign result_below = {(PSUM_BITS*COLS){1'b0}};
            end else begin : higher
                assign result_below = row[r+1].result_above;
            end
            for (c = 0; c < COLS; c = c + 1) begin : col
                pe #(
                    .OPERAND_BITS(OPERAND_BITS)
                ) pe (
                    .clk(clk),
                    .act_in(act_wire[OPERAND_BITS*c +: OPERAND_BITS]),
                    .first_in(first_wire[c]),
                    .act_out(act_wire[OPERAND_BITS*(c+1) +: OPERAND_BITS]),
                    .first_out(first_wire[c+1]),
                    .weight_in(weight_above[OPERAND_BITS*c +: OPERAND_BITS]),
                    .weight_out(weight_below[OPERAND_BITS*c +: OPERAND_BITS]),
                    .result_in(result_below[PSUM_BITS*c +: PSUM_BITS]),
                    .result_out(result_above[PSUM_BITS*c +: PSUM_BITS])
                );
            end
        end
    endgenerate

    wire unused;

    assign unused = &{1'b0, weight_shift, row[ROWS-1].weight_below};
    assign psum = row[0].result_above;
endmodule
