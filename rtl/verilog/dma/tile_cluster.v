// One or several tiles behind a command queue and a DMA engine. Each tile is a whole accelerator with its own banks;
// the engine is the only one at their buses. Memory: a request is taken in a cycle with mem_valid and mem_ready, a
// read's word comes with mem_rvalid, in order, whenever it is there.
module tile_cluster #(
    parameter ROWS = 4,
    parameter COLS = 4,
    parameter BUS_BITS = 32,
    parameter WORD_BITS = 8,
    parameter VECTOR_BITS = 10,
    parameter LANE_BITS = 2,
    parameter ACT_GROUPS = 4,
    parameter WEIGHT_GROUPS = 4,
    parameter RESULT_GROUPS = 1,
    parameter OPERAND_BITS = 8,
    parameter PSUM_BITS = 18,
    parameter RESULT_DELAY = 6,
    parameter DRAIN = 13,
    parameter TILES = 1,
    parameter FIFO_BITS = 4
) (
    input  wire                clk,
    input  wire                rst,
    input  wire                bus_valid,
    output wire                bus_ready,
    input  wire                bus_write,
    input  wire [3:0]          bus_addr,
    input  wire [BUS_BITS-1:0] bus_wdata,
    output wire                bus_rvalid,
    output wire [BUS_BITS-1:0] bus_rdata,
    output wire                mem_valid,
    input  wire                mem_ready,
    output wire                mem_write,
    output wire [31:0]         mem_addr,
    output wire [BUS_BITS-1:0] mem_wdata,
    input  wire                mem_rvalid,
    input  wire [BUS_BITS-1:0] mem_rdata,
    output wire                irq
);
    localparam ARG_BITS = 224;
    localparam ADDR_BITS = 2 + VECTOR_BITS + LANE_BITS;
    localparam ELEMENTS = BUS_BITS / OPERAND_BITS;

    wire command_valid;
    wire command_done;
    wire [5:0] command;
    wire [TILES:0] command_tiles;
    wire [ARG_BITS-1:0] command_args;
    wire working;
    wire [2:0] fault;
    wire [2:0] product_fault;
    wire failed;

    wire [TILES-1:0] tile_valid;
    wire [TILES-1:0] tile_ready;
    wire [TILES-1:0] tile_rvalid;
    wire [TILES-1:0] tile_done;
    wire [3*TILES-1:0] tile_error;
    wire [BUS_BITS*TILES-1:0] tile_words;
    wire tile_write;
    wire [ADDR_BITS-1:0] tile_addr;
    wire [BUS_BITS-1:0] tile_wdata;
    wire [BUS_BITS-1:0] tile_rdata;

`ifdef VECTOR
    // The vector unit takes commands of its own while the engine beside it is idle; one of the two has the memory.
    wire vector_command;
    wire vector_done;
    wire [2:0] vector_fault;
    wire vector_working;
    wire vector_mem_valid;
    wire vector_mem_write;
    wire [31:0] vector_mem_addr;
    wire [BUS_BITS-1:0] vector_mem_wdata;
    wire engine_done;
    wire [2:0] engine_fault;
    wire engine_working;
    wire engine_mem_valid;
    wire engine_mem_write;
    wire [31:0] engine_mem_addr;
    wire [BUS_BITS-1:0] engine_mem_wdata;

    assign command_done = engine_done | vector_done;
    assign fault = engine_fault | ((engine_fault == 3'd0) ? vector_fault : 3'd0);
    assign working = engine_working | vector_working;
    assign mem_valid = vector_working ? vector_mem_valid : engine_mem_valid;
    assign mem_write = vector_working ? vector_mem_write : engine_mem_write;
    assign mem_addr = vector_working ? vector_mem_addr : engine_mem_addr;
    assign mem_wdata = vector_working ? vector_mem_wdata : engine_mem_wdata;

    vector_engine #(
        .BUS_BITS(BUS_BITS),
        .OPERAND_BITS(OPERAND_BITS),
        .WORD_BITS(WORD_BITS),
        .FIFO_BITS(FIFO_BITS)
    ) vectors (
        .clk(clk),
        .rst(rst),
        .command_valid(command_valid),
        .command(command),
        .command_args(command_args),
        .mine(vector_command),
        .command_done(vector_done),
        .failed(failed),
        .failing(engine_fault != 3'd0),
        .fault(vector_fault),
        .working(vector_working),
        .mem_valid(vector_mem_valid),
        .mem_ready(mem_ready),
        .mem_write(vector_mem_write),
        .mem_addr(vector_mem_addr),
        .mem_wdata(vector_mem_wdata),
        .mem_rvalid(mem_rvalid),
        .mem_rdata(mem_rdata)
    );

`endif
    command_queue #(
        .TILES(TILES),
        .BUS_BITS(BUS_BITS),
        .ARG_BITS(ARG_BITS)
    ) queue (
        .clk(clk),
        .rst(rst),
        .bus_valid(bus_valid),
        .bus_ready(bus_ready),
        .bus_write(bus_write),
        .bus_addr(bus_addr),
        .bus_wdata(bus_wdata),
        .bus_rvalid(bus_rvalid),
        .bus_rdata(bus_rdata),
        .irq(irq),
        .command_valid(command_valid),
        .command(command),
        .command_tiles(command_tiles),
        .command_args(command_args),
        .command_done(command_done),
        .working(working),
        .fault(fault),
        .product_fault(product_fault),
        .failed(failed)
    );

    command_engine #(
        .TILES(TILES),
        .BUS_BITS(BUS_BITS),
        .VECTOR_BITS(VECTOR_BITS),
        .LANE_BITS(LANE_BITS),
        .FIFO_BITS(FIFO_BITS),
`ifdef TRANSPOSE
        .ELEMENTS(ELEMENTS),
`endif
        .ACT_LANES(ROWS / ELEMENTS),
        .WEIGHT_LANES(COLS / ELEMENTS),
        .RESULT_LANES(COLS * 32 / BUS_BITS),
        .ACT_DEPTH(ACT_GROUPS << WORD_BITS),
        .WEIGHT_DEPTH(WEIGHT_GROUPS << WORD_BITS),
        .RESULT_DEPTH(RESULT_GROUPS << (WORD_BITS + 1))
    ) engine (
        .clk(clk),
        .rst(rst),
`ifdef VECTOR
        .command_valid(command_valid & ~vector_command),
        .command_done(engine_done),
        .fault(engine_fault),
        .working(engine_working),
        .mem_valid(engine_mem_valid),
        .mem_write(engine_mem_write),
        .mem_addr(engine_mem_addr),
        .mem_wdata(engine_mem_wdata),
        .command(command),
        .command_tiles(command_tiles),
        .command_args(command_args),
        .failed(failed),
        .product_fault(product_fault),
        .mem_ready(mem_ready),
`else
        .command_valid(command_valid),
        .command(command),
        .command_tiles(command_tiles),
        .command_args(command_args),
        .command_done(command_done),
        .failed(failed),
        .fault(fault),
        .product_fault(product_fault),
        .working(working),
        .mem_valid(mem_valid),
        .mem_ready(mem_ready),
        .mem_write(mem_write),
        .mem_addr(mem_addr),
        .mem_wdata(mem_wdata),
`endif
        .mem_rvalid(mem_rvalid),
        .mem_rdata(mem_rdata),
        .tile_valid(tile_valid),
        .tile_ready(tile_ready),
        .tile_write(tile_write),
        .tile_addr(tile_addr),
        .tile_wdata(tile_wdata),
        .tile_rvalid(|tile_rvalid),
        .tile_rdata(tile_rdata),
        .tile_done(tile_done),
        .tile_error(tile_error)
    );

    or_tree #(
        .WIDTH(BUS_BITS),
        .WORDS(TILES)
    ) read (
        .words(tile_words),
        .any(tile_rdata)
    );

    genvar i;
    generate
        for (i = 0; i < TILES; i = i + 1) begin : tile
            gemm_accelerator #(
                .ROWS(ROWS),
                .COLS(COLS),
                .BUS_BITS(BUS_BITS),
                .WORD_BITS(WORD_BITS),
                .VECTOR_BITS(VECTOR_BITS),
                .LANE_BITS(LANE_BITS),
                .ACT_GROUPS(ACT_GROUPS),
                .WEIGHT_GROUPS(WEIGHT_GROUPS),
                .RESULT_GROUPS(RESULT_GROUPS),
                .OPERAND_BITS(OPERAND_BITS),
                .PSUM_BITS(PSUM_BITS),
                .RESULT_DELAY(RESULT_DELAY),
                .DRAIN(DRAIN)
            ) core (
                .clk(clk),
                .rst(rst),
                .bus_valid(tile_valid[i]),
                .bus_ready(tile_ready[i]),
                .bus_write(tile_write),
                .bus_addr(tile_addr),
                .bus_wdata(tile_wdata),
                .bus_rvalid(tile_rvalid[i]),
                .bus_rdata(tile_words[BUS_BITS*i +: BUS_BITS]),
                .irq(tile_done[i]),
                .error_code(tile_error[3*i +: 3])
            );
        end
    endgenerate
endmodule
