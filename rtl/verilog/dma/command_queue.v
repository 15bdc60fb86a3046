// The host's side of the memory system: registers, a queue of the commands that wait, and the one that is at work.
// A request is taken in a cycle with bus_valid and bus_ready; a command waits in the port while the queue is full.
// A write to COMMAND puts it into the queue with the arguments and the tiles that the registers hold then.
// The first fault stays in STATUS until STATUS is written.
module command_queue #(
    parameter TILES = 1,
    parameter BUS_BITS = 32,
    parameter INDEX_BITS = 1,
    parameter ARG_BITS = 224
) (
    input  wire                clk,
    input  wire                rst,
    input  wire                bus_valid,
    output wire                bus_ready,
    input  wire                bus_write,
    input  wire [3:0]          bus_addr,
    input  wire [BUS_BITS-1:0] bus_wdata,
    output reg                 bus_rvalid,
    output reg  [BUS_BITS-1:0] bus_rdata,
    output wire                irq,
    output reg                 command_valid,
    output reg  [5:0]          command,
    output reg  [TILES:0]      command_tiles,
    output reg  [ARG_BITS-1:0] command_args,
    input  wire                command_done,
    input  wire                working,
    input  wire [2:0]          fault,
    input  wire [2:0]          product_fault,
    output wire                failed
);
    localparam [3:0] COMMAND = 4'd0;
    localparam [3:0] STATUS = 4'd1;
    localparam [3:0] FIRST_ARG = 4'd2;
    localparam [3:0] TILE_MASK = 4'd9;
    localparam [3:0] CYCLES = 4'd10;
    localparam [3:0] TILE_COUNT = 4'd11;
    localparam ARGS = ARG_BITS / 32;

    reg request_valid;
    reg request_write;
    reg [3:0] number;
    reg [31:0] data;
    reg [ARG_BITS-1:0] args;
    reg [TILES:0] tiles;
    reg [2:0] fault_code;
    reg [2:0] product_code;
    reg touched;
    reg was_busy;
    reg [31:0] elapsed;
    reg [31:0] word;
    wire [31:0] now;
    wire granted;
    wire write;
    wire push;
    wire [ARG_BITS-1:0] next_args;
    wire [TILES:0] next_tiles;
    wire [5:0] next_command;
    wire [31:0] no_tiles;
    wire take;
    wire empty;
    wire full;
    wire busy;

    assign push = request_valid & request_write & (number == COMMAND) & ~full;
    assign granted = request_valid & ~(request_write & (number == COMMAND) & full);
    assign bus_ready = ~request_valid | granted;
    assign write = granted & request_write;
    assign no_tiles = data >> TILES;
    assign take = ~empty & (~command_valid | command_done);
    assign busy = command_valid | ~empty | working;
    assign irq = touched & ~busy;
    assign failed = fault_code != 3'd0;

    word_fifo #(
        .WIDTH(7 + TILES + ARG_BITS),
        .INDEX_BITS(INDEX_BITS)
    ) waiting (
        .clk(clk),
        .rst(rst),
        .push(push),
        .in({args, tiles, data[31:5] != 27'd0, data[4:0]}),
        .pop(take),
        .out({next_args, next_tiles, next_command}),
        .empty(empty),
        .full(full)
    );

    // From the first command after a write to CYCLES to the last cycle in which anything was to be done.
    cycle_counter counter (
        .clk(clk),
        .clear(rst | (write & (number == CYCLES))),
        .count(busy | (now != 32'd0)),
        .value(now)
    );

    always @(posedge clk) begin
        if (rst) begin
            request_valid <= 1'b0;
            fault_code <= 3'd0;
            product_code <= 3'd0;
            touched <= 1'b0;
            tiles <= {{TILES{1'b0}}, 1'b1};
            command_valid <= 1'b0;
        end else begin
            if (bus_ready)
                request_valid <= bus_valid;
            if (push)
                touched <= 1'b1;
            if (write & (number == STATUS)) begin
                fault_code <= 3'd0;
                product_code <= 3'd0;
            end else if (~failed) begin
                fault_code <= fault;
                product_code <= product_fault;
            end
            if (write & (number == TILE_MASK))
                tiles <= {no_tiles != 32'd0, data[TILES-1:0]};
            command_valid <= take | (command_valid & ~command_done);
        end
        if (take) begin
            command <= next_command;
            command_tiles <= next_tiles;
            command_args <= next_args;
        end
        if (bus_ready) begin
            request_write <= bus_write;
            number <= bus_addr;
            data <= bus_wdata[31:0];
        end
        was_busy <= busy;
        if (was_busy)
            elapsed <= now;
        bus_rvalid <= granted & ~request_write & ~rst;
    end

    genvar i;
    generate
        for (i = 0; i < ARGS; i = i + 1) begin : arg
            always @(posedge clk)
                if (write & (number == FIRST_ARG + i[3:0]))
                    args[32*i +: 32] <= data;
        end
        if (BUS_BITS > 32) begin : wide
            wire unused;

            assign unused = &{1'b0, bus_wdata[BUS_BITS-1:32]};
            always @(posedge clk)
                bus_rdata <= {{(BUS_BITS-32){1'b0}}, word};
        end else begin : narrow
            always @(posedge clk)
                bus_rdata <= word;
        end
    endgenerate

    always @(*) begin
        case (number)
            STATUS: word = {21'd0, product_code, 1'b0, fault_code, 1'b0, failed, irq, busy};
            TILE_MASK: word = {{(32-TILES){1'b0}}, tiles[TILES-1:0]};
            CYCLES: word = elapsed;
            TILE_COUNT: word = TILES;
            default: word = 32'd0;
        endcase
    end
endmodule
