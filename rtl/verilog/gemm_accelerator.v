// The accelerator: bus, sequencer, scratchpads, array. The generated top, `accelerator`, gives the parameters.
module gemm_accelerator #(
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
    // Cycles from the sequencer's request for a result to the scratchpad's, and from the last tile's end to its last write.
    parameter RESULT_DELAY = 6,
    parameter DRAIN = 13
) (
    input  wire                             clk,
    input  wire                             rst,
    input  wire                             bus_valid,
    output wire                             bus_ready,
    input  wire                             bus_write,
    input  wire [1+VECTOR_BITS+LANE_BITS:0] bus_addr,
    input  wire [BUS_BITS-1:0]              bus_wdata,
    output wire                             bus_rvalid,
    output wire [BUS_BITS-1:0]              bus_rdata,
    output wire                             irq,
    output wire [2:0]                       error_code
);
    localparam ELEMENTS = BUS_BITS / OPERAND_BITS;
    localparam COLUMNS = BUS_BITS / 32;
    localparam ACT_LANES = ROWS / ELEMENTS;
    localparam WEIGHT_LANES = COLS / ELEMENTS;
    localparam RESULT_LANES = COLS / COLUMNS;
    localparam SIZE_BITS = VECTOR_BITS + 1;
    localparam N_BITS = VECTOR_BITS + 1 + $clog2(COLS);
    localparam ACT_LIVE_BITS = $clog2(ROWS + 1);
    localparam WEIGHT_LIVE_BITS = $clog2(COLS + 1);

    wire act_request;
    wire weight_request;
    wire result_request;
    wire request_write;
    wire [VECTOR_BITS-1:0] request_vector;
    wire [LANE_BITS-1:0] request_lane;
    wire [BUS_BITS-1:0] request_wdata;
    wire act_conflict;
    wire weight_conflict;
    wire result_conflict;
    wire [BUS_BITS-1:0] act_rdata;
    wire [BUS_BITS-1:0] weight_rdata;
    wire [BUS_BITS-1:0] result_rdata;

    wire start;
    wire accumulate;
    wire oversize;
    wire [SIZE_BITS-1:0] m;
    wire [SIZE_BITS-1:0] k;
    wire [N_BITS-1:0] n;
    wire [VECTOR_BITS-1:0] act_base;
    wire [VECTOR_BITS-1:0] weight_base;
    wire [VECTOR_BITS-1:0] result_base;
    wire busy;
    wire done;
    wire [31:0] cycles;

    wire act_valid;
    wire act_first;
    wire [VECTOR_BITS-1:0] act_vector;
    wire [ACT_LIVE_BITS-1:0] act_live;
    wire weight_valid;
    wire [VECTOR_BITS-1:0] weight_vector;
    wire [WEIGHT_LIVE_BITS-1:0] weight_live;
    wire result_valid;
    wire result_accumulate;
    wire [VECTOR_BITS-1:0] result_vector;
    wire sum_valid;
    wire sum_accumulate;
    wire [VECTOR_BITS-1:0] sum_vector;

    wire [OPERAND_BITS*ROWS-1:0] act;
    wire [ROWS-1:0] act_mark;
    wire [OPERAND_BITS*COLS-1:0] weight;
    wire [COLS-1:0] weight_mark;
    wire [PSUM_BITS*COLS-1:0] psum;

    assign irq = done;

    bus_port #(
        .ROWS(ROWS),
        .COLS(COLS),
        .VECTOR_BITS(VECTOR_BITS),
        .LANE_BITS(LANE_BITS),
        .BUS_BITS(BUS_BITS),
        .SIZE_BITS(SIZE_BITS),
        .N_BITS(N_BITS)
    ) port (
        .clk(clk),
        .rst(rst),
        .bus_valid(bus_valid),
        .bus_ready(bus_ready),
        .bus_write(bus_write),
        .bus_addr(bus_addr),
        .bus_wdata(bus_wdata),
        .bus_rvalid(bus_rvalid),
        .bus_rdata(bus_rdata),
        .act_request(act_request),
        .weight_request(weight_request),
        .result_request(result_request),
        .request_write(request_write),
        .request_vector(request_vector),
        .request_lane(request_lane),
        .request_wdata(request_wdata),
        .conflict(act_conflict | weight_conflict | result_conflict),
        .act_rdata(act_rdata),
        .weight_rdata(weight_rdata),
        .result_rdata(result_rdata),
        .start(start),
        .accumulate(accumulate),
        .oversize(oversize),
        .m(m),
        .k(k),
        .n(n),
        .act_base(act_base),
        .weight_base(weight_base),
        .result_base(result_base),
        .busy(busy),
        .done(done),
        .error_code(error_code),
        .cycles(cycles)
    );

    sequencer #(
        .ROWS(ROWS),
        .COLS(COLS),
        .VECTOR_BITS(VECTOR_BITS),
        .SIZE_BITS(SIZE_BITS),
        .N_BITS(N_BITS),
        .ACT_LIVE_BITS(ACT_LIVE_BITS),
        .WEIGHT_LIVE_BITS(WEIGHT_LIVE_BITS),
        .ACT_DEPTH(ACT_GROUPS << WORD_BITS),
        .WEIGHT_DEPTH(WEIGHT_GROUPS << WORD_BITS),
        .RESULT_DEPTH(RESULT_GROUPS << (WORD_BITS + 1)),
        .DRAIN(DRAIN)
    ) sequencer (
        .clk(clk),
        .rst(rst),
        .start(start),
        .accumulate(accumulate),
        .oversize(oversize),
        .m(m),
        .k(k),
        .n(n),
        .act_base(act_base),
        .weight_base(weight_base),
        .result_base(result_base),
        .busy(busy),
        .done(done),
        .error_code(error_code),
        .cycles(cycles),
        .act_valid(act_valid),
        .act_first(act_first),
        .act_vector(act_vector),
        .act_live(act_live),
        .weight_valid(weight_valid),
        .weight_vector(weight_vector),
        .weight_live(weight_live),
        .result_valid(result_valid),
        .result_accumulate(result_accumulate),
        .result_vector(result_vector)
    );

    operand_scratchpad #(
        .LANES(ACT_LANES),
        .GROUPS(ACT_GROUPS),
        .ELEMENTS(ELEMENTS),
        .OPERAND_BITS(OPERAND_BITS),
        .WORD_BITS(WORD_BITS),
        .VECTOR_BITS(VECTOR_BITS),
        .LANE_BITS(LANE_BITS),
        .LIVE_BITS(ACT_LIVE_BITS)
    ) activations (
        .clk(clk),
        .rst(rst),
        .valid(act_valid),
        .mark(act_first),
        .vector(act_vector),
        .live(act_live),
        .data(act),
        .data_mark(act_mark),
        .bus_valid(act_request),
        .bus_write(request_write),
        .bus_vector(request_vector),
        .bus_lane(request_lane),
        .bus_wdata(request_wdata),
        .bus_conflict(act_conflict),
        .bus_rdata(act_rdata)
    );

    operand_scratchpad #(
        .LANES(WEIGHT_LANES),
        .GROUPS(WEIGHT_GROUPS),
        .ELEMENTS(ELEMENTS),
        .OPERAND_BITS(OPERAND_BITS),
        .WORD_BITS(WORD_BITS),
        .VECTOR_BITS(VECTOR_BITS),
        .LANE_BITS(LANE_BITS),
        .LIVE_BITS(WEIGHT_LIVE_BITS)
    ) weights (
        .clk(clk),
        .rst(rst),
        .valid(weight_valid),
        .mark(weight_valid),
        .vector(weight_vector),
        .live(weight_live),
        .data(weight),
        .data_mark(weight_mark),
        .bus_valid(weight_request),
        .bus_write(request_write),
        .bus_vector(request_vector),
        .bus_lane(request_lane),
        .bus_wdata(request_wdata),
        .bus_conflict(weight_conflict),
        .bus_rdata(weight_rdata)
    );

    systolic_array #(
        .ROWS(ROWS),
        .COLS(COLS),
        .OPERAND_BITS(OPERAND_BITS),
        .PSUM_BITS(PSUM_BITS)
    ) array (
        .clk(clk),
        .act(act),
        .act_first(act_mark),
        .weight(weight),
        .weight_shift(weight_mark),
        .psum(psum)
    );

    delay_line #(
        .WIDTH(2 + VECTOR_BITS),
        .DEPTH(RESULT_DELAY)
    ) result_control (
        .clk(clk),
        .clear(rst),
        .in({result_valid, result_accumulate, result_vector}),
        .out({sum_valid, sum_accumulate, sum_vector})
    );

    result_scratchpad #(
        .LANES(RESULT_LANES),
        .GROUPS(RESULT_GROUPS),
        .COLUMNS(COLUMNS),
        .OPERAND_BITS(OPERAND_BITS),
        .PSUM_BITS(PSUM_BITS),
        .WORD_BITS(WORD_BITS),
        .VECTOR_BITS(VECTOR_BITS),
        .LANE_BITS(LANE_BITS)
    ) results (
        .clk(clk),
        .rst(rst),
        .valid(sum_valid),
        .accumulate(sum_accumulate),
        .vector(sum_vector),
        .psum(psum),
        .bus_valid(result_request),
        .bus_write(request_write),
        .bus_vector(request_vector),
        .bus_lane(request_lane),
        .bus_wdata(request_wdata),
        .bus_conflict(result_conflict),
        .bus_rdata(result_rdata)
    );
endmodule
