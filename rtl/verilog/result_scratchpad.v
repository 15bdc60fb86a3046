// Banks that hold int32 (or, for bfloat16 operands, float32) results, and the adders that accumulate into them.
// Each lane is COLUMNS results wide and has two banks per group, for even and for odd vectors: while one is read for
// the sum that comes next, the other is written with the sum of three cycles ago (an odd distance, so never the same).
//   cycle u      the old result is asked for (not in the first tile of a sum: it then counts as zero)
//   cycle u + 2  old result and partial sum are added      cycle u + 3  the sum is written
// Lane l does so COLUMNS * l cycles after lane 0. The bus has a bank in every cycle in which the array does not.
module result_scratchpad #(
    parameter LANES = 4,
    parameter GROUPS = 1,
    parameter COLUMNS = 1,
    parameter OPERAND_BITS = 8,
    parameter PSUM_BITS = 18,
    parameter WORD_BITS = 8,
    parameter VECTOR_BITS = 10,
    parameter LANE_BITS = 2
) (
    input  wire                               clk,
    input  wire                               rst,
    input  wire                               valid,
    input  wire                               accumulate,
    input  wire [VECTOR_BITS-1:0]             vector,
    input  wire [PSUM_BITS*LANES*COLUMNS-1:0] psum,
    input  wire                               bus_valid,
    input  wire                               bus_write,
    input  wire [VECTOR_BITS-1:0]             bus_vector,
    input  wire [LANE_BITS-1:0]               bus_lane,
    input  wire [32*COLUMNS-1:0]              bus_wdata,
    output wire                               bus_conflict,
    output reg  [32*COLUMNS-1:0]              bus_rdata
);
    localparam GROUP_BITS = VECTOR_BITS - WORD_BITS - 1;
    localparam BITS = 32 * COLUMNS;
    localparam BANKS = 2 * GROUPS;
    localparam CONTROL_BITS = 2 + VECTOR_BITS;

    wire [LANES*BANKS-1:0] conflict;
    wire [BITS*LANES*BANKS-1:0] bus_words;
    wire [BITS-1:0] bus_word;

    assign bus_conflict = |conflict;

    or_tree #(
        .WIDTH(BITS),
        .WORDS(LANES * BANKS)
    ) bus_read (
        .words(bus_words),
        .any(bus_word)
    );

    always @(posedge clk)
        bus_rdata <= bus_word;

    genvar l;
    genvar b;
    genvar j;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : lane
            wire lane_valid;
            wire lane_accumulate;
            wire [VECTOR_BITS-1:0] lane_vector;
            wire write;
            wire [VECTOR_BITS-1:0] write_vector;
            wire bus_here;
            wire [BITS*BANKS-1:0] read_words;
            wire [BITS-1:0] read_word;
            reg [BITS-1:0] old;
            reg [BITS-1:0] sum;

            if (l == 0) begin : head
                assign lane_valid = valid;
                assign lane_accumulate = accumulate;
                assign lane_vector = vector;
            end else begin : chain
                delay_line #(
                    .WIDTH(CONTROL_BITS),
                    .DEPTH(COLUMNS)
                ) control (
                    .clk(clk),
                    .clear(rst),
                    .in({lane[l-1].lane_valid, lane[l-1].lane_accumulate, lane[l-1].lane_vector}),
                    .out({lane_valid, lane_accumulate, lane_vector})
                );
            end
            delay_line #(
                .WIDTH(1 + VECTOR_BITS),
                .DEPTH(3)
            ) write_back (
                .clk(clk),
                .clear(rst),
                .in({lane_valid, lane_vector}),
                .out({write, write_vector})
            );
            assign bus_here = bus_valid & ({{(32-LANE_BITS){1'b0}}, bus_lane} == l);

            or_tree #(
                .WIDTH(BITS),
                .WORDS(BANKS)
            ) array_read (
                .words(read_words),
                .any(read_word)
            );

            always @(posedge clk)
                old <= read_word;

            for (b = 0; b < BANKS; b = b + 1) begin : bank
                wire read_hit;
                wire write_hit;
                wire bus_hit;
                wire [BITS-1:0] dout;
                reg for_array;
                reg for_bus;

                assign read_hit = lane_valid & lane_accumulate & ({{(31-GROUP_BITS){1'b0}}, lane_vector[VECTOR_BITS-1:WORD_BITS+1], lane_vector[0]} == b);
                assign write_hit = write & ({{(31-GROUP_BITS){1'b0}}, write_vector[VECTOR_BITS-1:WORD_BITS+1], write_vector[0]} == b);
                assign bus_hit = bus_here & ({{(31-GROUP_BITS){1'b0}}, bus_vector[VECTOR_BITS-1:WORD_BITS+1], bus_vector[0]} == b);
                assign conflict[BANKS*l+b] = (read_hit | write_hit) & bus_hit;
                sram_bank sram (
                    .clk(clk),
                    .ce(read_hit | write_hit | bus_hit),
                    .we(write_hit | (~read_hit & bus_write)),
                    .addr(write_hit ? write_vector[WORD_BITS:1] : read_hit ? lane_vector[WORD_BITS:1] : bus_vector[WORD_BITS:1]),
                    .din(write_hit ? sum : bus_wdata),
                    .dout(dout)
                );
                always @(posedge clk) begin
                    for_array <= read_hit;
                    for_bus <= bus_hit & ~read_hit & ~write_hit & ~bus_write;
                end
                assign read_words[BITS*b +: BITS] = dout & {BITS{for_array}};
                assign bus_words[BITS*(BANKS*l+b) +: BITS] = dout & {BITS{for_bus}};
            end

            for (j = 0; j < COLUMNS; j = j + 1) begin : column
                wire [PSUM_BITS-1:0] aligned;
                wire [31:0] added;

                delay_line #(
                    .WIDTH(PSUM_BITS),
                    .DEPTH(COLUMNS - 1 - j)
                ) deskew (
                    .clk(clk),
                    .clear(1'b0),
                    .in(psum[PSUM_BITS*(COLUMNS*l+j) +: PSUM_BITS]),
                    .out(aligned)
                );
                if (OPERAND_BITS != 8) begin : bfloat16
                    fp32_adder adder (
                        .a(old[32*j +: 32]),
                        .b(aligned),
                        .sum(added)
                    );
                end else if (PSUM_BITS < 32) begin : narrow
                    assign added = old[32*j +: 32] + {{(32-PSUM_BITS){aligned[PSUM_BITS-1]}}, aligned};
                end else begin : full
                    assign added = old[32*j +: 32] + aligned;
                end
                always @(posedge clk)
                    sum[32*j +: 32] <= added;
            end
        end
    endgenerate
endmodule
