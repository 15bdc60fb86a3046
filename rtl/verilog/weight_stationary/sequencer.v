// Runs the tiles of an M x K x N product: N's tiles in the outer loop, K's in the inner one. While the M activation
// vectors of a tile stream through the array, the weights of the next tile are shifted in behind them.
//
// A tile's period is max(M, 2 ROWS), rounded up to an even number (result banks alternate by parity): `phase` counts
// it. Activations are read in phases 0 .. M - 1, the next tile's weights in phases ROWS .. 2 ROWS - 1, bottom row
// first: by then the array's last row has taken over the weights of the tile before. A prologue that begins at phase
// ROWS fetches the first tile's weights; after the last tile's activations DRAIN cycles empty the pipeline.
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
    parameter DRAIN = 12
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
    reg [SIZE_BITS-1:0] last_phase;

    // The tile that streams.
    reg streaming;
    reg first_of_sum;
    reg last_of_sum;
    reg last_tile;
    reg [ACT_LIVE_BITS-1:0] tile_rows;
    reg [VECTOR_BITS-1:0] next_act;
    reg [VECTOR_BITS-1:0] next_result;
    reg [VECTOR_BITS-1:0] sum_base;

    // The tile whose weights come next.
    reg fetching;
    reg fetch_first;
    reg [VECTOR_BITS-1:0] fetch_base;
    reg [SIZE_BITS-1:0] k_left;
    reg [N_BITS-1:0] n_left;

    wire accept;
    wire tile_end;
    wire stream_now;
    wire fetch_now;
    wire fetch_last_of_sum;
    wire fetch_last_tile;
    wire [SIZE_BITS-1:0] fetch_row;
    wire [SIZE_BITS-1:0] last_m;
    wire [SIZE_BITS-1:0] full_period;
    wire [VECTOR_BITS-1:0] next_base;
    wire [VECTOR_BITS-1:0] after_sum;
    wire unused;

    job_control #(
        .SPLIT_STEP(ROWS),
        .COLS(COLS),
        .VECTOR_BITS(VECTOR_BITS),
        .SIZE_BITS(SIZE_BITS),
        .N_BITS(N_BITS),
        .ACT_DEPTH(ACT_DEPTH),
        .WEIGHT_DEPTH(WEIGHT_DEPTH),
        .RESULT_DEPTH(RESULT_DEPTH),
        .FIRST_PHASE(ROWS),
        .DRAIN(DRAIN)
    ) control (
        .clk(clk),
        .rst(rst),
        .start(start),
        .oversize(oversize),
        .m(m),
        .k(k),
        .n(n),
        .split(k),
        .stream(m),
        .act_base(act_base),
        .weight_base(weight_base),
        .result_base(result_base),
        .tile_end(tile_end),
        .last_tile_end(tile_end & last_tile & streaming),
        .accept(accept),
        .running(running),
        .emptying(emptying),
        .phase(phase),
        .busy(busy),
        .done(done),
        .error_code(error_code),
        .cycles(cycles)
    );

    assign unused = &{1'b0, emptying};
    assign tile_end = running & (phase == last_phase);
    assign last_m = m - 1'b1;
    assign stream_now = running & streaming & (phase < m);
    assign fetch_now = running & fetching & (phase >= ROWS) & (phase < 2 * ROWS);
    assign fetch_row = 2 * ROWS - 1 - phase;
    assign fetch_last_of_sum = k_left <= ROWS;
    assign fetch_last_tile = fetch_last_of_sum & (n_left <= COLS);
    assign full_period = (m > 2 * ROWS) ? {last_m[SIZE_BITS-1:1], 1'b1} : 2 * ROWS - 1;
    assign next_base = sum_base + m[VECTOR_BITS-1:0] + {{(VECTOR_BITS-1){1'b0}}, m[0]};
    assign after_sum = last_of_sum ? next_base : sum_base;

    // The tile that streams, and the tile whose weights come next.
    always @(posedge clk) begin
        if (accept | (tile_end & last_of_sum))
            next_act <= act_base;
        else if (stream_now)
            next_act <= next_act + 1'b1;

        if (tile_end)
            next_result <= after_sum;
        else if (stream_now)
            next_result <= next_result + 1'b1;

        if (accept) begin
            streaming <= 1'b0;
            last_phase <= 2 * ROWS - 1;
            last_of_sum <= 1'b0;
            last_tile <= 1'b0;
            sum_base <= result_base;
            fetching <= 1'b1;
            fetch_first <= 1'b1;
            fetch_base <= weight_base;
            k_left <= k;
            n_left <= n;
        end else if (tile_end) begin
            streaming <= 1'b1;
            last_phase <= fetch_last_tile ? last_m : full_period;
            first_of_sum <= fetch_first;
            last_of_sum <= fetch_last_of_sum;
            last_tile <= fetch_last_tile;
            tile_rows <= fetch_last_of_sum ? k_left[ACT_LIVE_BITS-1:0] : ROWS;
            sum_base <= after_sum;

            fetching <= ~fetch_last_tile;
            fetch_first <= fetch_last_of_sum;
            fetch_base <= fetch_base + (fetch_last_of_sum ? k_left[VECTOR_BITS-1:0] : ROWS);
            k_left <= fetch_last_of_sum ? k : k_left - ROWS;
            if (fetch_last_of_sum)
                n_left <= n_left - COLS;
        end
    end

    // What the scratchpads are asked for.
    always @(posedge clk) begin
        act_valid <= stream_now & ~rst;
        result_valid <= stream_now & ~rst;
        weight_valid <= fetch_now & ~rst;
        act_first <= stream_now & (phase == {SIZE_BITS{1'b0}});
        act_vector <= next_act;
        act_live <= tile_rows;
        result_accumulate <= ~first_of_sum | accumulate;
        result_vector <= next_result;
        weight_vector <= fetch_base + fetch_row[VECTOR_BITS-1:0];
        weight_live <= (fetch_row >= k_left) ? {WEIGHT_LIVE_BITS{1'b0}}
                     : (n_left < COLS) ? n_left[WEIGHT_LIVE_BITS-1:0] : COLS;
    end
endmodule
