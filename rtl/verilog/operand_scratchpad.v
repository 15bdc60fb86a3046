// Banks that hold activations or weights, and the skew that the array needs.
// A vector of LANES words is read at one address; lane l reads ELEMENTS * l cycles after lane 0 and element j of a word
// leaves j cycles after element 0, so element e = ELEMENTS * l + j leaves e + 2 cycles after its vector was asked for.
// `live` counts the elements that exist: those beyond come out as zero, and a lane without any is not read.
// A lane is GROUPS banks deep. The bus has a bank in every cycle in which the array does not.
module operand_scratchpad #(
    parameter LANES = 1,
    parameter GROUPS = 4,
    parameter ELEMENTS = 4,
    parameter OPERAND_BITS = 8,
    parameter WORD_BITS = 8,
    parameter VECTOR_BITS = 10,
    parameter LANE_BITS = 2,
    parameter LIVE_BITS = 3
) (
    input  wire                                   clk,
    input  wire                                   rst,
    input  wire                                   valid,
    input  wire                                   mark,
    input  wire [VECTOR_BITS-1:0]                 vector,
    input  wire [LIVE_BITS-1:0]                   live,
    output wire [OPERAND_BITS*LANES*ELEMENTS-1:0] data,
    output wire [LANES*ELEMENTS-1:0]              data_mark,
    input  wire                                   bus_valid,
    input  wire                                   bus_write,
    input  wire [VECTOR_BITS-1:0]                 bus_vector,
    input  wire [LANE_BITS-1:0]                   bus_lane,
    input  wire [OPERAND_BITS*ELEMENTS-1:0]       bus_wdata,
    output wire                                   bus_conflict,
    output reg  [OPERAND_BITS*ELEMENTS-1:0]       bus_rdata
);
    localparam GROUP_BITS = VECTOR_BITS - WORD_BITS;
    localparam BITS = OPERAND_BITS * ELEMENTS;
    localparam CONTROL_BITS = 2 + VECTOR_BITS + LIVE_BITS;

    wire [LANES*GROUPS-1:0] conflict;
    wire [BITS*LANES*GROUPS-1:0] bus_words;
    wire [BITS-1:0] bus_word;

    assign bus_conflict = |conflict;

    or_tree #(
        .WIDTH(BITS),
        .WORDS(LANES * GROUPS)
    ) bus_read (
        .words(bus_words),
        .any(bus_word)
    );

    always @(posedge clk)
        bus_rdata <= bus_word;

    genvar l;
    genvar g;
    genvar j;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : lane
            wire lane_valid;
            wire lane_mark;
            wire [VECTOR_BITS-1:0] lane_vector;
            wire [LIVE_BITS-1:0] lane_live;
            wire read;
            wire bus_here;
            wire [BITS*GROUPS-1:0] read_words;
            wire [BITS-1:0] read_word;
            reg captured;
            reg captured_mark;
            reg word_mark;

            if (l == 0) begin : head
                assign lane_valid = valid;
                assign lane_mark = mark;
                assign lane_vector = vector;
                assign lane_live = live;
            end else begin : chain
                wire [LIVE_BITS-1:0] live_here;

                assign live_here = (lane[l-1].lane_live > ELEMENTS[LIVE_BITS-1:0])
                                 ? lane[l-1].lane_live - ELEMENTS[LIVE_BITS-1:0] : {LIVE_BITS{1'b0}};
                delay_line #(
                    .WIDTH(CONTROL_BITS),
                    .DEPTH(ELEMENTS)
                ) control (
                    .clk(clk),
                    .clear(rst),
                    .in({lane[l-1].lane_valid, lane[l-1].lane_mark, lane[l-1].lane_vector, live_here}),
                    .out({lane_valid, lane_mark, lane_vector, lane_live})
                );
            end
            assign read = lane_valid & (lane_live != {LIVE_BITS{1'b0}});
            assign bus_here = bus_valid & ({{(32-LANE_BITS){1'b0}}, bus_lane} == l);

            or_tree #(
                .WIDTH(BITS),
                .WORDS(GROUPS)
            ) array_read (
                .words(read_words),
                .any(read_word)
            );

            always @(posedge clk) begin
                captured <= lane_valid & ~rst;
                captured_mark <= lane_mark & ~rst;
                word_mark <= captured_mark & ~rst;
            end

            for (g = 0; g < GROUPS; g = g + 1) begin : bank
                wire array_hit;
                wire bus_hit;
                wire [BITS-1:0] dout;
                reg for_array;
                reg for_bus;

                assign array_hit = read & ({{(32-GROUP_BITS){1'b0}}, lane_vector[VECTOR_BITS-1:WORD_BITS]} == g);
                assign bus_hit = bus_here & ({{(32-GROUP_BITS){1'b0}}, bus_vector[VECTOR_BITS-1:WORD_BITS]} == g);
                assign conflict[GROUPS*l+g] = array_hit & bus_hit;
                sram_bank sram (
                    .clk(clk),
                    .ce(array_hit | bus_hit),
                    .we(~array_hit & bus_write),
                    .addr(array_hit ? lane_vector[WORD_BITS-1:0] : bus_vector[WORD_BITS-1:0]),
                    .din(bus_wdata),
                    .dout(dout)
                );
                always @(posedge clk) begin
                    for_array <= array_hit;
                    for_bus <= bus_hit & ~array_hit & ~bus_write;
                end
                assign read_words[BITS*g +: BITS] = dout & {BITS{for_array}};
                assign bus_words[BITS*(GROUPS*l+g) +: BITS] = dout & {BITS{for_bus}};
            end

            for (j = 0; j < ELEMENTS; j = j + 1) begin : element
                reg alive;
                reg [OPERAND_BITS-1:0] value;

                always @(posedge clk) begin
                    alive <= lane_live > j;
                    if (captured)
                        value <= read_word[OPERAND_BITS*j +: OPERAND_BITS] & {OPERAND_BITS{alive}};
                end
                delay_line #(
                    .WIDTH(OPERAND_BITS),
                    .DEPTH(j)
                ) skew (
                    .clk(clk),
                    .clear(1'b0),
                    .in(value),
                    .out(data[OPERAND_BITS*(ELEMENTS*l+j) +: OPERAND_BITS])
                );
                delay_line #(
                    .WIDTH(1),
                    .DEPTH(j)
                ) mark_skew (
                    .clk(clk),
                    .clear(rst),
                    .in(word_mark),
                    .out(data_mark[ELEMENTS*l+j])
                );
            end
        end
    endgenerate
endmodule
