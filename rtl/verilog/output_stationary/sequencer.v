// Runs the tiles of an M x K x N product: N's tiles in the outer loop, M's in the inner one. While the K activation
// and weight vectors of a tile stream through the array, the results of the tile before leave it.
//
// A tile's period is max(K, 2 ROWS), rounded up to an even number (result banks alternate by parity): `phase` counts
// it. Operands are read in phases 0 .. K - 1, and zeros follow. In phase 2 r the result of row r of the tile before is
// sent on its way; after the last tile, DRAIN cycles do that and empty the pipeline.
module sequencer #(
    parameter ROWS = 4,
    parameter COLS = 4,
    parameter VECTOR_BITS = 10,
    parameter SIZE_BITS = 11,
    parameter N_BITS = 13,
    parameter ACT_LIVE_BITS = 3,
    parameter WEIGHT_LIVE_BITS = 3,
    parameter ACT_DEPTH = 1024,
    parameter WEIGHT_DEPTH = 1024,
    parameter RESULT_DEPTH = 512,
    parameter DRAIN = 17
) (
    input  wire                        clk,
    input  wire                        rst,
    input  wire                        start,
    input  wire                        accumulate,
    input  wire                        oversize,
    input  wire [SIZE_BITS-1:0]        m,
    input  wire [SIZE_BITS-1:0]        k,
    input  wire [N_BITS-1:0]           n,
    input  wire [VECTOR_BITS-1:0]      act_base,
    input  wire [VECTOR_BITS-1:0]      weight_base,
    input  wire [VECTOR_BITS-1:0]      result_base,
    output wire                        busy,
    output wire                        done,
    output wire [2:0]                  error_code,
    output wire [31:0]                 cycles,
    output reg                         act_valid,
    output reg                         act_first,
    output reg  [VECTOR_BITS-1:0]      act_vector,
    output reg  [ACT_LIVE_BITS-1:0]    act_live,
    output reg                         weight_valid,
    output reg  [VECTOR_BITS-1:0]      weight_vector,
    output reg  [WEIGHT_LIVE_BITS-1:0] weight_live,
    output reg                         result_valid,
    output reg                         result_accumulate,
    output reg  [VECTOR_BITS-1:0]      result_vector
);
    wire running;
    wire emptying;
    wire [SIZE_BITS-1:0] phase;

    // The tile that streams.
    reg [SIZE_BITS-1:0] m_left;
    reg [N_BITS-1:0] n_left;
    reg [VECTOR_BITS-1:0] next_act;
    reg [VECTOR_BITS-1:0] next_weight;
    reg [VECTOR_BITS-1:0] strip_weights;
    reg [VECTOR_BITS-1:0] strip_results;
    reg [VECTOR_BITS-1:0] tile_results;

    // The tile whose results leave the array.
    reg storing;
    reg [ACT_LIVE_BITS-1:0] store_rows;
    reg [VECTOR_BITS-1:0] next_result;

    wire accept;
    wire active;
    wire tile_end;
    wire stream_now;
    wire store_now;
    wire last_of_strip;
    wire last_tile;
    wire [SIZE_BITS-1:0] last_phase;
    wire [ACT_LIVE_BITS-1:0] tile_rows;
    wire [VECTOR_BITS-1:0] next_strip;
    wire [VECTOR_BITS-1:0] after_act;
    wire [VECTOR_BITS-1:0] after_weight;

    job_control #(
        .SPLIT_STEP(ROWS),
        .COLS(COLS),
        .VECTOR_BITS(VECTOR_BITS),
        .SIZE_BITS(SIZE_BITS),
        .N_BITS(N_BITS),
        .ACT_DEPTH(ACT_DEPTH),
        .WEIGHT_DEPTH(WEIGHT_DEPTH),
        .RESULT_DEPTH(RESULT_DEPTH),
        .FIRST_PHASE(0),
        .DRAIN(DRAIN)
    ) control (
        .clk(clk),
        .rst(rst),
        .start(start),
        .oversize(oversize),
        .m(m),
        .k(k),
        .n(n),
        .split(m),
        .stream(k),
        .act_base(act_base),
        .weight_base(weight_base),
        .result_base(result_base),
        .tile_end(tile_end),
        .last_tile_end(tile_end & last_tile),
        .accept(accept),
        .running(running),
        .emptying(emptying),
        .phase(phase),
        .busy(busy),
        .done(done),
        .error_code(error_code),
        .cycles(cycles)
    );

    assign active = running | emptying;
    assign last_phase = (k > 2 * ROWS) ? (k - 1'b1) | {{(SIZE_BITS-1){1'b0}}, 1'b1} : 2 * ROWS - 1;
    assign tile_end = running & (phase == last_phase);
    assign stream_now = running & (phase < k);
    assign store_now = active & storing & ~phase[0]
                     & (phase[SIZE_BITS-1:1] < {{(SIZE_BITS-1-ACT_LIVE_BITS){1'b0}}, store_rows});
    assign last_of_strip = m_left <= ROWS;
    assign last_tile = last_of_strip & (n_left <= COLS);
    assign tile_rows = last_of_strip ? m_left[ACT_LIVE_BITS-1:0] : ROWS;
    assign next_strip = strip_results + m[VECTOR_BITS-1:0] + {{(VECTOR_BITS-1){1'b0}}, m[0]};
    assign after_act = next_act + {{(VECTOR_BITS-1){1'b0}}, stream_now};
    assign after_weight = next_weight + {{(VECTOR_BITS-1){1'b0}}, stream_now};

    // The tile that streams, and the tile whose results leave.
    always @(posedge clk) begin
        if (accept) begin
            m_left <= m;
            n_left <= n;
            next_act <= act_base;
            next_weight <= weight_base;
            strip_weights <= weight_base;
            strip_results <= result_base;
            tile_results <= result_base;
            storing <= 1'b0;
        end else if (tile_end) begin
            if (last_of_strip) begin
                m_left <= m;
                n_left <= n_left - COLS;
                next_act <= act_base;
                next_weight <= after_weight;
                strip_weights <= after_weight;
                strip_results <= next_strip;
                tile_results <= next_strip;
            end else begin
                m_left <= m_left - ROWS;
                next_act <= after_act;
                next_weight <= strip_weights;
                tile_results <= tile_results + ROWS;
            end
            storing <= 1'b1;
            store_rows <= tile_rows;
            next_result <= tile_results;
        end else begin
            next_act <= after_act;
            next_weight <= after_weight;
            if (store_now)
                next_result <= next_result + 1'b1;
        end
    end

    // What the scratchpads are asked for; vectors without a live element are zeros, and no bank is read for them.
    always @(posedge clk) begin
        act_valid <= active & ~rst;
        weight_valid <= active & ~rst;
        act_first <= active & (phase == {SIZE_BITS{1'b0}});
        act_vector <= next_act;
        weight_vector <= next_weight;
        act_live <= stream_now ? tile_rows : {ACT_LIVE_BITS{1'b0}};
        weight_live <= ~stream_now ? {WEIGHT_LIVE_BITS{1'b0}}
                     : (n_left < COLS) ? n_left[WEIGHT_LIVE_BITS-1:0] : COLS;
        result_valid <= store_now & ~rst;
        result_accumulate <= accumulate;
        result_vector <= next_result;
    end
endmodule
