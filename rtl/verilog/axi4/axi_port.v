// An AXI4 subordinate in front of the host's bus: one transaction at a time, reads and writes in turn where both wait,
// bursts of 1 to 256 beats at one beat per cycle. A beat is a bus word; its byte address is the bus address times the
// bytes of a word. Refused, with a response in every case:
//   SLVERR  beats narrower than a word, unaligned addresses, WRAP bursts, and written words that are not whole
//           (the other words of their burst are written)
//   DECERR  bursts beyond the memory map, whose end is a multiple of 4 KiB: no burst crosses it
// A refused burst has no effect: what is written is dropped, and zeros are read.
module axi_port #(
    parameter ADDR_BITS = 14,
    parameter DATA_BITS = 32,
    parameter BYTE_BITS = 2,
    parameter ID_BITS = 4
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire [ID_BITS-1:0]     s_axi_awid,
    input  wire [31:0]            s_axi_awaddr,
    input  wire [7:0]             s_axi_awlen,
    input  wire [2:0]             s_axi_awsize,
    input  wire [1:0]             s_axi_awburst,
    input  wire                   s_axi_awvalid,
    output wire                   s_axi_awready,
    input  wire [DATA_BITS-1:0]   s_axi_wdata,
    input  wire [DATA_BITS/8-1:0] s_axi_wstrb,
    input  wire                   s_axi_wlast,
    input  wire                   s_axi_wvalid,
    output wire                   s_axi_wready,
    output wire [ID_BITS-1:0]     s_axi_bid,
    output wire [1:0]             s_axi_bresp,
    output wire                   s_axi_bvalid,
    input  wire                   s_axi_bready,
    input  wire [ID_BITS-1:0]     s_axi_arid,
    input  wire [31:0]            s_axi_araddr,
    input  wire [7:0]             s_axi_arlen,
    input  wire [2:0]             s_axi_arsize,
    input  wire [1:0]             s_axi_arburst,
    input  wire                   s_axi_arvalid,
    output wire                   s_axi_arready,
    output wire [ID_BITS-1:0]     s_axi_rid,
    output wire [DATA_BITS-1:0]   s_axi_rdata,
    output wire [1:0]             s_axi_rresp,
    output wire                   s_axi_rlast,
    output wire                   s_axi_rvalid,
    input  wire                   s_axi_rready,
    output wire                   bus_valid,
    input  wire                   bus_ready,
    output wire                   bus_write,
    output wire [ADDR_BITS-1:0]   bus_addr,
    output wire [DATA_BITS-1:0]   bus_wdata,
    input  wire                   bus_rvalid,
    input  wire [DATA_BITS-1:0]   bus_rdata
);
    localparam [1:0] IDLE = 2'd0;
    localparam [1:0] WRITE = 2'd1;
    localparam [1:0] RESPOND = 2'd2;
    localparam [1:0] READ = 2'd3;
    localparam [1:0] OKAY = 2'd0;
    localparam [1:0] SLVERR = 2'd2;
    localparam [1:0] DECERR = 2'd3;
    localparam [1:0] FIXED = 2'd0;
    localparam [31:0] BEYOND = 32'd1 << (ADDR_BITS + BYTE_BITS);
    // Words that may be on their way or wait for the manager: more than the bus takes from request to answer.
    localparam FIFO_BITS = 3;
    localparam [FIFO_BITS:0] FIFO_WORDS = 1 << FIFO_BITS;

    reg [1:0] state;
    reg read_last;
    reg [ID_BITS-1:0] id;
    reg [ADDR_BITS-1:0] address;
    reg fixed;
    reg [1:0] code;
    reg partial;

    // The burst that is offered.
    wire choose_read;
    wire accept;
    wire [31:0] offered_address;
    wire [7:0] offered_length;
    wire [2:0] offered_size;
    wire [1:0] offered_burst;
    wire [1:0] offered_code;

    assign choose_read = s_axi_arvalid & ~(s_axi_awvalid & read_last);
    assign accept = (state == IDLE) & (s_axi_arvalid | s_axi_awvalid);
    assign s_axi_arready = accept & choose_read;
    assign s_axi_awready = accept & ~choose_read;
    assign offered_address = choose_read ? s_axi_araddr : s_axi_awaddr;
    assign offered_length = choose_read ? s_axi_arlen : s_axi_awlen;
    assign offered_size = choose_read ? s_axi_arsize : s_axi_awsize;
    assign offered_burst = choose_read ? s_axi_arburst : s_axi_awburst;
    assign offered_code = (offered_address >= BEYOND) ? DECERR
                        : ((offered_size != BYTE_BITS[2:0]) | offered_burst[1]
                           | (offered_address[BYTE_BITS-1:0] != {BYTE_BITS{1'b0}})) ? SLVERR
                        : OKAY;

    // Writes.
    wire legal;
    wire whole;
    wire take_word;

    assign legal = code == OKAY;
    assign whole = &s_axi_wstrb;
    assign s_axi_wready = (state == WRITE) & (bus_ready | ~legal | ~whole);
    assign take_word = s_axi_wvalid & s_axi_wready;
    assign s_axi_bvalid = state == RESPOND;
    assign s_axi_bid = id;
    assign s_axi_bresp = (legal & partial) ? SLVERR : code;

    // Reads: words come in order into a FIFO; `held` counts those that were asked for and not yet given on.
    reg [8:0] to_ask;
    reg [8:0] to_give;
    reg [FIFO_BITS:0] held;
    reg [FIFO_BITS:0] waiting;
    reg [FIFO_BITS-1:0] head;
    reg [FIFO_BITS-1:0] tail;
    reg [DATA_BITS-1:0] fifo [0:(1<<FIFO_BITS)-1];
    wire ask;
    wire give;

    assign ask = bus_valid & bus_ready & ~bus_write;
    assign give = s_axi_rvalid & s_axi_rready;
    assign s_axi_rvalid = (state == READ) & (~legal | (waiting != {(FIFO_BITS+1){1'b0}}));
    assign s_axi_rid = id;
    assign s_axi_rdata = legal ? fifo[head] : {DATA_BITS{1'b0}};
    assign s_axi_rresp = code;
    assign s_axi_rlast = to_give == 9'd1;

    assign bus_write = state == WRITE;
    assign bus_addr = address;
    assign bus_wdata = s_axi_wdata;
    assign bus_valid = legal & ((state == WRITE) ? s_axi_wvalid & whole
                              : (state == READ) & (to_ask != 9'd0) & (held != FIFO_WORDS));

    always @(posedge clk) begin
        if (rst) begin
            state <= IDLE;
            read_last <= 1'b0;
            held <= {(FIFO_BITS+1){1'b0}};
            waiting <= {(FIFO_BITS+1){1'b0}};
            head <= {FIFO_BITS{1'b0}};
            tail <= {FIFO_BITS{1'b0}};
        end else begin
            if (accept) begin
                state <= choose_read ? READ : WRITE;
                read_last <= choose_read;
            end else if ((state == WRITE) & take_word & s_axi_wlast)
                state <= RESPOND;
            else if ((state == RESPOND) & s_axi_bready)
                state <= IDLE;
            else if ((state == READ) & give & s_axi_rlast)
                state <= IDLE;
            if (legal) begin
                held <= held + {{FIFO_BITS{1'b0}}, ask} - {{FIFO_BITS{1'b0}}, give};
                waiting <= waiting + {{FIFO_BITS{1'b0}}, bus_rvalid} - {{FIFO_BITS{1'b0}}, give};
                head <= head + {{(FIFO_BITS-1){1'b0}}, give};
                tail <= tail + {{(FIFO_BITS-1){1'b0}}, bus_rvalid};
            end
        end

        if (accept) begin
            id <= choose_read ? s_axi_arid : s_axi_awid;
            address <= offered_address[ADDR_BITS+BYTE_BITS-1:BYTE_BITS];
            fixed <= offered_burst == FIXED;
            code <= offered_code;
            partial <= 1'b0;
            to_ask <= {1'b0, offered_length} + 9'd1;
            to_give <= {1'b0, offered_length} + 9'd1;
        end else begin
            if ((ask | take_word) & ~fixed)
                address <= address + {{(ADDR_BITS-1){1'b0}}, 1'b1};
            if (take_word & ~whole)
                partial <= 1'b1;
            if (ask)
                to_ask <= to_ask - 9'd1;
            if (give)
                to_give <= to_give - 9'd1;
        end
        if (bus_rvalid)
            fifo[tail] <= bus_rdata;
    end
endmodule
