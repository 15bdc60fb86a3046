// What both sequencers do around their tiles: check the product, count cycles, tell the host.
// `checking` is followed by `running` if the product fits; `last_tile_end` ends that, and after DRAIN cycles of
// `emptying`, in which the pipeline empties, the product is done. `phase` counts the cycles of a tile, and of emptying.
module job_control #(
    parameter SPLIT_STEP = 4,
    parameter COLS = 4,
    parameter VECTOR_BITS = 10,
    parameter SIZE_BITS = 11,
    parameter N_BITS = 13,
    parameter ACT_DEPTH = 1024,
    parameter WEIGHT_DEPTH = 1024,
    parameter RESULT_DEPTH = 512,
    parameter FIRST_PHASE = 0,
    parameter DRAIN = 12
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   start,
    input  wire                   oversize,
    input  wire [SIZE_BITS-1:0]   m,
    input  wire [SIZE_BITS-1:0]   k,
    input  wire [N_BITS-1:0]      n,
    input  wire [SIZE_BITS-1:0]   split,
    input  wire [SIZE_BITS-1:0]   stream,
    input  wire [VECTOR_BITS-1:0] act_base,
    input  wire [VECTOR_BITS-1:0] weight_base,
    input  wire [VECTOR_BITS-1:0] result_base,
    input  wire                   tile_end,
    input  wire                   last_tile_end,
    output wire                   accept,
    output wire                   running,
    output wire                   emptying,
    output reg  [SIZE_BITS-1:0]   phase,
    output wire                   busy,
    output reg                    done,
    output reg  [2:0]             error_code,
    output wire [31:0]            cycles
);
    localparam [1:0] IDLE = 2'd0;
    localparam [1:0] CHECK = 2'd1;
    localparam [1:0] RUN = 2'd2;
    localparam [1:0] EMPTY = 2'd3;

    reg [1:0] state;
    wire checked;
    wire [2:0] check_code;

    size_check #(
        .SPLIT_STEP(SPLIT_STEP),
        .COLS(COLS),
        .VECTOR_BITS(VECTOR_BITS),
        .SIZE_BITS(SIZE_BITS),
        .N_BITS(N_BITS),
        .ACT_DEPTH(ACT_DEPTH),
        .WEIGHT_DEPTH(WEIGHT_DEPTH),
        .RESULT_DEPTH(RESULT_DEPTH)
    ) check (
        .clk(clk),
        .rst(rst),
        .start(accept),
        .oversize(oversize),
        .m(m),
        .k(k),
        .n(n),
        .split(split),
        .stream(stream),
        .act_base(act_base),
        .weight_base(weight_base),
        .result_base(result_base),
        .finished(checked),
        .code(check_code)
    );

    cycle_counter counter (
        .clk(clk),
        .clear(rst | accept),
        .count(busy),
        .value(cycles)
    );

    assign busy = state != IDLE;
    assign accept = start & ~busy;
    assign running = state == RUN;
    assign emptying = state == EMPTY;

    always @(posedge clk) begin
        if (rst) begin
            state <= IDLE;
            done <= 1'b0;
            error_code <= 3'd0;
        end else begin
            if (accept) begin
                state <= CHECK;
                done <= 1'b0;
                error_code <= 3'd0;
            end

            if (checked) begin
                error_code <= check_code;
                state <= (check_code == 3'd0) ? RUN : IDLE;
                done <= check_code != 3'd0;
            end
            if (last_tile_end)
                state <= EMPTY;
            if (emptying & (phase == DRAIN[SIZE_BITS-1:0] - 1'b1)) begin
                state <= IDLE;
                done <= 1'b1;
            end
        end

        if (state == CHECK)
            phase <= FIRST_PHASE[SIZE_BITS-1:0];
        else if (tile_end)
            phase <= {SIZE_BITS{1'b0}};
        else
            phase <= phase + 1'b1;
    end
endmodule
