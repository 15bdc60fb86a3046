// ROWS x COLS processing elements. Activations enter on the left, row r one cycle after row r - 1, and move right;
// weights are shifted in from the top, column c one cycle after column c - 1; partial sums move down. Column c's sum
// leaves the bottom ROWS + 2 + c cycles after the activation entered row 0.
module systolic_array #(
    parameter ROWS = 4,
    parameter COLS = 4,
    parameter OPERAND_BITS = 8,
    parameter PSUM_BITS = 18
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
            // Bits of the partial sum that comes in from above, and of the one that this row gives.
            localparam BELOW = (OPERAND_BITS == 8) ? 16 + $clog2(r + 1) : 32;
            localparam ABOVE = (OPERAND_BITS != 8) ? 32 : (r == 0) ? 16 : 16 + $clog2(r);
            wire [OPERAND_BITS*(COLS+1)-1:0] act_wire;
            wire [COLS:0] first_wire;
            wire [OPERAND_BITS*COLS-1:0] weight_above;
            wire [OPERAND_BITS*COLS-1:0] weight_below;
            wire [ABOVE*COLS-1:0] sum_above;
            wire [BELOW*COLS-1:0] sum_below;
            wire unused;

            assign unused = &{1'b0, act_wire[OPERAND_BITS*COLS +: OPERAND_BITS], first_wire[COLS]};
            assign act_wire[OPERAND_BITS-1:0] = act[OPERAND_BITS*r +: OPERAND_BITS];
            assign first_wire[0] = act_first[r];
            if (r == 0) begin : top
                assign weight_above = weight;
                assign sum_above = {(ABOVE*COLS){1'b0}};
            end else begin : inner
                assign weight_above = row[r-1].weight_below;
                assign sum_above = row[r-1].sum_below;
            end
            for (c = 0; c < COLS; c = c + 1) begin : col
                wire [BELOW-1:0] sum_in;

                if (BELOW == ABOVE) begin : same
                    assign sum_in = sum_above[ABOVE*c +: ABOVE];
                end else begin : wider
                    assign sum_in = {sum_above[ABOVE*c + ABOVE - 1], sum_above[ABOVE*c +: ABOVE]};
                end
                pe #(
                    .OPERAND_BITS(OPERAND_BITS),
                    .PSUM_BITS(BELOW)
                ) pe (
                    .clk(clk),
                    .act_in(act_wire[OPERAND_BITS*c +: OPERAND_BITS]),
                    .first_in(first_wire[c]),
                    .act_out(act_wire[OPERAND_BITS*(c+1) +: OPERAND_BITS]),
                    .first_out(first_wire[c+1]),
                    .shift(weight_shift[c]),
                    .weight_in(weight_above[OPERAND_BITS*c +: OPERAND_BITS]),
                    .weight_out(weight_below[OPERAND_BITS*c +: OPERAND_BITS]),
                    .psum_in(sum_in),
                    .psum_out(sum_below[BELOW*c +: BELOW])
                );
            end
        end
    endgenerate

    wire unused;

    assign unused = &{1'b0, row[ROWS-1].weight_below};
    assign psum = row[ROWS-1].sum_below;
endmodule
