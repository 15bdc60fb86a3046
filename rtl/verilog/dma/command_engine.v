// Takes the commands of the queue in their order: moves words between the memory and tiles, or starts products.
//   LOAD   words of the memory go into a scratchpad of one or several tiles      STORE  of one tile's go to the memory
//   RUN    the product of the arguments begins in one or several tiles, and the next command follows at once
// RUN waits for its tiles, the others only where the command says so: so transfers go on beside the tiles' work, and
// what must not be overwritten is the program's to know. A transfer has ROWS rows of WORDS consecutive words of
// memory, STRIDE words apart. Row r, word w is lane w % lanes of vector BASE + r + BLOCK * (w / lanes), as the tiles'
// scratchpads hold matrices. What asks for words (of the memory, or of a tile) may be 2 ** FIFO_BITS words ahead of
// what takes them.
`ifdef TRANSPOSE
// Code 0 with the activations' or weights' space is a LOAD of the transpose: ROWS rows of WORDS elements, of which each
// column becomes a vector. The words of ELEMENTS rows, from left to right, come as one block after another through the
// transposer; the last rows are asked for again where a block has no more of its own.
`endif
// Faults: 1 no such command or space   2 no such tile, or several to store from   3 a size is zero or too large
//         4 a vector beyond its scratchpad (nothing is written there)   5 a tile refused its product
module command_engine #(
    parameter TILES = 1,
    parameter BUS_BITS = 32,
    parameter VECTOR_BITS = 10,
    parameter LANE_BITS = 2,
    parameter FIFO_BITS = 4,
`ifdef TRANSPOSE
    parameter ELEMENTS = 4,
`endif
    parameter ACT_LANES = 1,
    parameter WEIGHT_LANES = 1,
    parameter RESULT_LANES = 4,
    parameter ACT_DEPTH = 1024,
    parameter WEIGHT_DEPTH = 1024,
    parameter RESULT_DEPTH = 512
) (
    input  wire                             clk,
    input  wire                             rst,
    input  wire                             command_valid,
    // Bit 5 of the command and bit TILES of the tiles: what was written has more than there is.
    input  wire [5:0]                       command,
    input  wire [TILES:0]                   command_tiles,
    input  wire [223:0]                     command_args,
    output wire                             command_done,
    input  wire                             failed,
    output reg  [2:0]                       fault,
    output reg  [2:0]                       product_fault,
    output wire                             working,
    output wire                             mem_valid,
    input  wire                             mem_ready,
    output wire                             mem_write,
    output wire [31:0]                      mem_addr,
    output wire [BUS_BITS-1:0]              mem_wdata,
    input  wire                             mem_rvalid,
    input  wire [BUS_BITS-1:0]              mem_rdata,
    output wire [TILES-1:0]                 tile_valid,
    input  wire [TILES-1:0]                 tile_ready,
    output wire                             tile_write,
    output wire [1+VECTOR_BITS+LANE_BITS:0] tile_addr,
    output wire [BUS_BITS-1:0]              tile_wdata,
    input  wire                             tile_rvalid,
    input  wire [BUS_BITS-1:0]              tile_rdata,
    input  wire [TILES-1:0]                 tile_done,
    input  wire [3*TILES-1:0]               tile_error
);
`ifdef TRANSPOSE
    localparam ELEMENT_COUNT_BITS = $clog2(ELEMENTS);
    localparam [15:0] SIDE = ELEMENTS[15:0];
`endif
    localparam [1:0] LOAD = 2'd1;
    localparam [1:0] STORE = 2'd2;
    localparam [1:0] RUN = 2'd3;
    localparam [1:0] IDLE = 2'd0;
    localparam [1:0] TRANSFER = 2'd1;
    localparam [1:0] REGISTERS = 2'd2;
    localparam [3:0] START = 4'd7;
    localparam [3:0] STARTED = 4'd8;
    localparam [2:0] NO_COMMAND = 3'd1;
    localparam [2:0] NO_TILE = 3'd2;
    localparam [2:0] SIZE = 3'd3;
    localparam [2:0] PLACE = 3'd4;
    localparam [2:0] PRODUCT = 3'd5;

    reg [1:0] state;
    reg [3:0] step;
    reg [TILES-1:0] running;

    // The command at work.
    wire [1:0] code;
    wire [1:0] space;
    wire [TILES-1:0] tiles;
    wire [31:0] address;
    wire [31:0] stride;
    wire [31:0] rows;
    wire [31:0] words;
    wire [31:0] base;
    wire [31:0] block;
    wire transfers;
    wire wrong_command;
    wire wrong_tiles;
    wire wrong_size;
    wire [TILES-1:0] busy_tiles;
    wire look;
    wire must_wait;
    wire illegal;
    wire begin_command;
    wire [2:0] refused;
    wire unused;

    assign code = command[1:0];
    assign space = command[3:2];
    assign tiles = command_tiles[TILES-1:0];
    assign address = command_args[31:0];
    assign stride = command_args[63:32];
    assign rows = command_args[95:64];
    assign words = command_args[127:96];
    assign base = command_args[159:128];
    assign block = command_args[191:160];
    assign transfers = code != RUN;
`ifdef TRANSPOSE
    assign wrong_command = command[5] | ((code == 2'd0) & (space == 2'd3)) | (transfers == (space == 2'd0));
`else
    assign wrong_command = command[5] | (code == 2'd0) | (transfers == (space == 2'd0));
`endif
    assign wrong_tiles = (tiles == {TILES{1'b0}}) | command_tiles[TILES]
                       | ((code == STORE) & ((tiles & (tiles - 1'b1)) != {TILES{1'b0}}));
    assign wrong_size = transfers & ((rows[15:0] == 16'd0) | (rows[31:16] != 16'd0)
                                   | (words[15:0] == 16'd0) | (words[31:16] != 16'd0)
                                   | (base[31:VECTOR_BITS] != {(32-VECTOR_BITS){1'b0}})
                                   | (block[31:VECTOR_BITS] != {(32-VECTOR_BITS){1'b0}}));
    assign look = (state == IDLE) & command_valid;
    assign illegal = wrong_command | wrong_tiles | wrong_size;
    assign busy_tiles = running & ~tile_done;
    assign must_wait = (~transfers | command[4]) & ((tiles & busy_tiles) != {TILES{1'b0}});
    assign begin_command = look & ~failed & ~illegal & ~must_wait & (refused == 3'd0);
    assign working = (state != IDLE) | (busy_tiles != {TILES{1'b0}});

`ifdef TRANSPOSE
    wire turned;
    wire [BUS_BITS-1:0] turned_word;
    wire turn_step;
    wire turn_drained;
    wire turn_leaving;
    wire turn_end;
    wire turn_live;

`endif
    // Words on their way: asked for by the source, held in a queue, taken by the sink.
    reg asked_all;
    reg [FIFO_BITS:0] held;
    wire load;
    wire ask;
    wire sink;
    wire asked;
    wire sunk;
    wire fifo_empty;
    wire fifo_full;
    wire [BUS_BITS-1:0] fifo_word;
    wire mem_taken;
    wire pad_taken;
    wire mem_last;
    wire pad_last;
    wire finish;

`ifdef TRANSPOSE
    assign turned = code == 2'd0;
    assign load = turned | (code == LOAD);
`else
    assign load = code == LOAD;
`endif
    assign ask = (state == TRANSFER) & ~asked_all & ~held[FIFO_BITS];
    assign sink = (state == TRANSFER) & ~fifo_empty;
    assign asked = load ? mem_taken : pad_taken;
`ifdef TRANSPOSE
    assign sunk = turned ? turn_step & ~turn_drained : load ? pad_taken : mem_taken;
    assign finish = turned ? turn_step & turn_drained & turn_end : sunk & (load ? pad_last : mem_last);
`else
    assign sunk = load ? pad_taken : mem_taken;
    assign finish = sunk & (load ? pad_last : mem_last);
`endif
    assign command_done = (look & (failed | illegal)) | finish | ((state == REGISTERS) & (step == STARTED));

    word_fifo #(
        .WIDTH(BUS_BITS),
        .INDEX_BITS(FIFO_BITS)
    ) fifo (
        .clk(clk),
        .rst(rst | (state != TRANSFER)),
        .push((state == TRANSFER) & (load ? mem_rvalid : tile_rvalid)),
        .in(load ? mem_rdata : tile_rdata),
        .pop(sunk),
        .out(fifo_word),
        .empty(fifo_empty),
        .full(fifo_full)
    );

    // The memory's side.
    reg [31:0] mem_next;
    reg [31:0] mem_row;
    reg [15:0] mem_words;
    reg [15:0] mem_rows;
    wire [31:0] mem_after;
    wire mem_row_end;

    assign mem_valid = load ? ask : sink;
    assign mem_write = ~load;
    assign mem_addr = mem_next;
    assign mem_wdata = fifo_word;
    assign mem_taken = mem_valid & mem_ready;
    assign mem_after = mem_row + stride;
    assign mem_row_end = mem_words == 16'd1;
`ifdef TRANSPOSE
    reg [ELEMENT_COUNT_BITS-1:0] mem_element;
    reg [31:0] mem_first;
    reg mem_first_column;
    wire mem_block_end;
    wire mem_band_end;
    wire [31:0] mem_below;
    wire [31:0] mem_beside;

    assign mem_block_end = &mem_element;
    assign mem_band_end = mem_words <= SIDE;
    assign mem_below = (mem_rows > {{(16-ELEMENT_COUNT_BITS){1'b0}}, mem_element} + 16'd1) ? mem_next + stride : mem_next;
    assign mem_beside = mem_first + 32'd1;
    assign mem_last = turned ? mem_block_end & mem_band_end & (mem_rows <= SIDE) : mem_row_end & (mem_rows == 16'd1);
`else
    assign mem_last = mem_row_end & (mem_rows == 16'd1);
`endif

    // The scratchpad's side.
    reg [VECTOR_BITS:0] pad_vector;
    reg [VECTOR_BITS:0] pad_row;
    reg [LANE_BITS-1:0] pad_lane;
    reg [15:0] pad_words;
    reg [15:0] pad_rows;
    reg spoiled;
    wire [VECTOR_BITS:0] depth;
    wire [LANE_BITS-1:0] last_lane;
    wire pad_row_end;
    wire pad_valid;
    wire pad_ready;
    wire beyond;
    wire register_valid;
    wire [31:0] register_data;
    wire [3:0] register_number;
    wire valid;

    assign depth = (space == 2'd1) ? ACT_DEPTH[VECTOR_BITS:0]
                 : (space == 2'd2) ? WEIGHT_DEPTH[VECTOR_BITS:0] : RESULT_DEPTH[VECTOR_BITS:0];
    assign last_lane = (space == 2'd1) ? ACT_LANES[LANE_BITS-1:0] - 1'b1
                     : (space == 2'd2) ? WEIGHT_LANES[LANE_BITS-1:0] - 1'b1 : RESULT_LANES[LANE_BITS-1:0] - 1'b1;
    assign beyond = spoiled | (pad_vector >= depth);
`ifdef TRANSPOSE
    assign pad_valid = turned ? (sink | turn_drained) & turn_leaving & turn_live : load ? sink : ask;
`else
    assign pad_valid = load ? sink : ask;
`endif
    assign pad_ready = (tile_ready | ~tiles) == {TILES{1'b1}};
    assign pad_taken = pad_valid & (pad_ready | (load & beyond));
    assign pad_row_end = pad_words == 16'd1;
    assign pad_last = pad_row_end & (pad_rows == 16'd1);

`ifdef TRANSPOSE
    wire [VECTOR_BITS:0] pad_band;

    assign pad_band = pad_row + {1'b0, block[VECTOR_BITS-1:0]};
    // A block's words leave as the next one's come, and those of the last one when no more come.
    assign turn_drained = (state == TRANSFER) & asked_all & (held == {(FIFO_BITS+1){1'b0}});
    assign turn_live = pad_words != 16'd0;
    assign turn_step = turned & (sink | turn_drained) & (~turn_leaving | ~turn_live | pad_taken);

    transposer #(
        .SIDE(ELEMENTS),
        .ELEMENT_BITS(BUS_BITS / ELEMENTS)
    ) turn (
        .clk(clk),
        .clear(rst | (state != TRANSFER)),
        .step(turn_step),
        .in(fifo_word),
        .out(turned_word),
        .leaving(turn_leaving),
        .block_end(turn_end)
    );

`endif
    // The tiles' bus: words of a transfer, or a product's registers. A word is offered until all tiles are ready; those
    // that are ready before write it again.
    assign register_valid = (state == REGISTERS) & (step != STARTED);
    assign register_number = (step == START) ? 4'd0 : step + 4'd2;
    assign register_data = (step == START) ? 32'd1 : command_args[32*step[2:0] +: 32];
    assign valid = register_valid | (pad_valid & ~(load & beyond));
    assign tile_valid = {TILES{valid}} & tiles;
    assign tile_write = register_valid | load;
    assign tile_addr = register_valid ? {{(VECTOR_BITS+LANE_BITS-2){1'b0}}, register_number}
                                      : {space, pad_vector[VECTOR_BITS-1:0], pad_lane};

    generate
        if (BUS_BITS > 32) begin : wide
`ifdef TRANSPOSE
            assign tile_wdata = register_valid ? {{(BUS_BITS-32){1'b0}}, register_data} : turned ? turned_word : fifo_word;
`else
            assign tile_wdata = register_valid ? {{(BUS_BITS-32){1'b0}}, register_data} : fifo_word;
`endif
        end else begin : narrow
`ifdef TRANSPOSE
            assign tile_wdata = register_valid ? register_data : turned ? turned_word : fifo_word;
`else
            assign tile_wdata = register_valid ? register_data : fifo_word;
`endif
        end
    endgenerate
    assign unused = &{1'b0, fifo_full};

    always @(posedge clk) begin
        if (rst) begin
            state <= IDLE;
            running <= {TILES{1'b0}};
        end else begin
            if (begin_command)
                state <= transfers ? TRANSFER : REGISTERS;
            else if (command_done)
                state <= IDLE;
            if (register_valid & (step == START))
                running <= running | tiles;
            else if (state == IDLE)
                running <= busy_tiles;
        end
        step <= (state == REGISTERS) ? step + 4'd1 : 4'd0;
    end

    always @(posedge clk) begin
        if (state != TRANSFER) begin
            asked_all <= 1'b0;
            held <= {(FIFO_BITS+1){1'b0}};
            spoiled <= 1'b0;
        end else begin
            if (asked & (load ? mem_last : pad_last))
                asked_all <= 1'b1;
            held <= held + {{FIFO_BITS{1'b0}}, asked} - {{FIFO_BITS{1'b0}}, sunk};
            spoiled <= spoiled | (pad_taken & beyond);
        end

        if (begin_command) begin
            mem_next <= address;
            mem_row <= address;
            mem_words <= words[15:0];
            mem_rows <= rows[15:0];
`ifdef TRANSPOSE
            mem_first <= address;
            mem_first_column <= 1'b1;
            mem_element <= {ELEMENT_COUNT_BITS{1'b0}};
        end else if (turned & mem_taken) begin
            mem_element <= mem_block_end ? {ELEMENT_COUNT_BITS{1'b0}} : mem_element + 1'b1;
            if (mem_first_column)
                mem_row <= mem_after;
            if (~mem_block_end) begin
                mem_next <= mem_below;
            end else if (mem_band_end) begin
                mem_next <= mem_first_column ? mem_after : mem_row;
                mem_first <= mem_first_column ? mem_after : mem_row;
                mem_words <= words[15:0];
                mem_rows <= mem_rows - SIDE;
                mem_first_column <= 1'b1;
            end else begin
                mem_next <= mem_beside;
                mem_first <= mem_beside;
                mem_words <= mem_words - SIDE;
                mem_first_column <= 1'b0;
            end
`endif
        end else if (mem_taken & mem_row_end) begin
            mem_next <= mem_after;
            mem_row <= mem_after;
            mem_words <= words[15:0];
            mem_rows <= mem_rows - 16'd1;
        end else if (mem_taken) begin
            mem_next <= mem_next + 32'd1;
            mem_words <= mem_words - 16'd1;
        end

        if (begin_command) begin
            pad_vector <= {1'b0, base[VECTOR_BITS-1:0]};
`ifdef TRANSPOSE
            pad_row <= {1'b0, base[VECTOR_BITS-1:0]} + {{VECTOR_BITS{1'b0}}, ~turned};
`else
            pad_row <= {1'b0, base[VECTOR_BITS-1:0]} + 1'b1;
`endif
            pad_lane <= {LANE_BITS{1'b0}};
            pad_words <= words[15:0];
            pad_rows <= rows[15:0];
`ifdef TRANSPOSE
        end else if (turned) begin
            if (turn_step & turn_leaving) begin
                // The columns that there are become vectors; the rows of a block are a lane of them.
                pad_vector <= pad_vector + 1'b1;
                if (turn_live)
                    pad_words <= pad_words - 16'd1;
                if (turn_end & (pad_words <= 16'd1)) begin
                    pad_words <= words[15:0];
                    pad_lane <= (pad_lane == last_lane) ? {LANE_BITS{1'b0}} : pad_lane + 1'b1;
                    pad_vector <= (pad_lane == last_lane) ? pad_band : pad_row;
                    if (pad_lane == last_lane)
                        pad_row <= pad_band;
                end
            end
`endif
        end else if (pad_taken & pad_row_end) begin
            pad_vector <= pad_row;
            pad_row <= pad_row + 1'b1;
            pad_lane <= {LANE_BITS{1'b0}};
            pad_words <= words[15:0];
            pad_rows <= pad_rows - 16'd1;
        end else if (pad_taken) begin
            pad_words <= pad_words - 16'd1;
            pad_lane <= (pad_lane == last_lane) ? {LANE_BITS{1'b0}} : pad_lane + 1'b1;
            if (pad_lane == last_lane)
                pad_vector <= pad_vector + {1'b0, block[VECTOR_BITS-1:0]};
        end
    end

    // The first fault counts; a tile's comes when its product would have ended.
    wire [TILES-1:0] ended;

    assign ended = (state == IDLE) ? running & tile_done : {TILES{1'b0}};

    genvar i;
    generate
        for (i = 0; i < TILES; i = i + 1) begin : tile
            wire [2:0] refusal;

            if (i == 0) begin : head
                assign refusal = tile_error[2:0] & {3{ended[0]}};
            end else begin : chain
                assign refusal = (tile[i-1].refusal != 3'd0) ? tile[i-1].refusal : tile_error[3*i +: 3] & {3{ended[i]}};
            end
        end
    endgenerate
    assign refused = tile[TILES-1].refusal;

    always @(*) begin
        product_fault = 3'd0;
        if (look & ~failed & wrong_command)
            fault = NO_COMMAND;
        else if (look & ~failed & wrong_tiles)
            fault = NO_TILE;
        else if (look & ~failed & wrong_size)
            fault = SIZE;
        else if (pad_taken & beyond & ~spoiled)
            fault = PLACE;
        else if (refused != 3'd0) begin
            fault = PRODUCT;
            product_fault = refused;
        end else
            fault = 3'd0;
    end
endmodule
