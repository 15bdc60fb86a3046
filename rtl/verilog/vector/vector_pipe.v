// Words of LANES results go in and come out: element by element through `vector_lane`, then, if rows are reduced, into
// one result for each row, then, if `narrow`, rounded to operands, which fill words of their own: those of `slot` 0
// first. A word with `emit` comes out 6 cycles after the one that completes it went in, and one more for each level of
// the tree that the lanes of a row meet in. `alive` has a bit for each lane that has an element; the others give zeros.
module vector_pipe #(
    parameter BUS_BITS = 32,
    parameter OPERAND_BITS = 8,
    parameter WORD_BITS = 8,
    parameter SLOT_BITS = 2
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   in_valid,
    input  wire                   in_first,
    input  wire                   in_row_end,
    input  wire                   in_emit,
    input  wire                   in_last,
    input  wire [SLOT_BITS-1:0]   in_slot,
    input  wire [BUS_BITS/32-1:0] in_alive,
    input  wire [BUS_BITS-1:0]    x,
    input  wire [BUS_BITS-1:0]    y,
    input  wire [11:0]            steps,
    input  wire [31:0]            factor,
    input  wire [31:0]            addend,
    input  wire [4:0]             shift,
    input  wire                   table_write,
    input  wire [5:0]             table_word,
    output reg                    out_valid,
    output reg                    out_row_end,
    output reg                    out_emit,
    output reg                    out_last,
    output reg  [BUS_BITS-1:0]    out
);
    localparam LANES = BUS_BITS / 32;
    localparam LEVELS = $clog2(LANES);
    localparam SLOTS = 32 / OPERAND_BITS;
    localparam PIECE = LANES * OPERAND_BITS;

    wire reduces;
    wire largest;
    wire valid;
    wire first;
    wire row_end;
    wire emit;
    wire last;
    wire [SLOT_BITS-1:0] slot;
    wire [LANES-1:0] alive;
    wire folded_valid;
    wire folded_row_end;
    wire folded_emit;
    wire folded_last;
    wire [SLOT_BITS-1:0] folded_slot;
    wire [BUS_BITS-1:0] results;
    wire [BUS_BITS-1:0] delayed;
    wire [31:0] folded;
    wire [BUS_BITS-1:0] words;
    wire [PIECE-1:0] piece;
    reg [BUS_BITS-1:0] packed_word;
    wire [BUS_BITS-1:0] next_packed;

    assign reduces = steps[10:9] != 2'd0;
    assign largest = steps[10];

    delay_line #(
        .WIDTH(5 + SLOT_BITS + LANES),
        .DEPTH(4)
    ) beside_lanes (
        .clk(clk),
        .clear(rst),
        .in({in_valid, in_first, in_row_end, in_emit, in_last, in_slot, in_alive}),
        .out({valid, first, row_end, emit, last, slot, alive})
    );

    delay_line #(
        .WIDTH(4 + SLOT_BITS),
        .DEPTH(1 + LEVELS)
    ) beside_tree (
        .clk(clk),
        .clear(rst),
        .in({valid, row_end, emit, last, slot}),
        .out({folded_valid, folded_row_end, folded_emit, folded_last, folded_slot})
    );

    genvar l;
    genvar s;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : lane
            wire [5:0] index;
            wire [31:0] entry;
            wire [31:0] value;
            wire [31:0] combined;
            reg [31:0] result;

            vector_table #(
                .BUS_BITS(BUS_BITS),
                .WORD_BITS(WORD_BITS)
            ) entries (
                .clk(clk),
                .write(table_write),
                .write_word(table_word),
                .write_data(x),
                .read(steps[8]),
                .index(index),
                .entry(entry)
            );

            vector_lane path (
                .clk(clk),
                .x(x[32*l +: 32]),
                .y(y[32*l +: 32]),
                .multiply(steps[1:0]),
                .add(steps[3:2]),
                .negate(steps[4]),
                .limit(steps[6:5]),
                .limit_by_y(steps[7]),
                .lookup(steps[8]),
                .factor(factor),
                .addend(addend),
                .shift(shift),
                .index(index),
                .entry(entry),
                .value(value)
            );

            vector_combine #(
                .OPERAND_BITS(OPERAND_BITS)
            ) reduction (
                .a(result),
                .b(value),
                .largest(largest),
                .combined(combined)
            );

            // Where a row has no element, the largest of it is the lowest number that there is.
            always @(posedge clk)
                if (valid & (alive[l] | first | ~reduces))
                    result <= (reduces & ~first) ? combined
                            : alive[l] ? value
                            : ~(reduces & largest) ? 32'd0
                            : (OPERAND_BITS == 8) ? 32'h80000000 : 32'hff800000;
            assign results[32*l +: 32] = result;

            vector_pack #(
                .OPERAND_BITS(OPERAND_BITS)
            ) rounding (
                .result(words[32*l +: 32]),
                .operand(piece[OPERAND_BITS*l +: OPERAND_BITS])
            );
        end
        for (s = 0; s < SLOTS; s = s + 1) begin : slots
            assign next_packed[PIECE*s +: PIECE] = (folded_slot == s) ? piece
                                                 : (folded_slot > s) ? packed_word[PIECE*s +: PIECE] : {PIECE{1'b0}};
        end
        if (LANES > 1) begin : wide
            assign words = reduces ? {{(BUS_BITS-32){1'b0}}, folded} : delayed;
        end else begin : narrow
            assign words = reduces ? folded : delayed;
        end
    endgenerate

    vector_fold #(
        .LANES(LANES),
        .OPERAND_BITS(OPERAND_BITS)
    ) tree (
        .clk(clk),
        .largest(largest),
        .results(results),
        .folded(folded)
    );

    delay_line #(
        .WIDTH(BUS_BITS),
        .DEPTH(LEVELS)
    ) beside_folding (
        .clk(clk),
        .clear(1'b0),
        .in(results),
        .out(delayed)
    );

    always @(posedge clk) begin
        if (folded_valid)
            packed_word <= next_packed;
        out_valid <= folded_valid & (folded_emit | folded_last) & ~rst;
        out_row_end <= folded_row_end;
        out_emit <= folded_emit;
        out_last <= folded_last;
        out <= steps[11] ? next_packed : words;
    end
endmodule
