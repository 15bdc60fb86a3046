// Whether a product fits the scratchpads, found by counting tiles before anything is read or written.
// One cycle per tile of the longer of N and the side that the array's rows split (K of a weight-stationary array, M of
// an output-stationary one; `stream` is the other one of the two), then `finished` for one cycle with the code:
//   0 fits   1 a size is zero or does not fit its register   2 activations   3 weights   4 results do not fit
//   5 the results' base is odd
module size_check #(
    parameter SPLIT_STEP = 4,
    parameter COLS = 4,
    parameter VECTOR_BITS = 10,
    parameter SIZE_BITS = 11,
    parameter N_BITS = 13,
    parameter ACT_DEPTH = 1024,
    parameter WEIGHT_DEPTH = 1024,
    parameter RESULT_DEPTH = 512
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
    output wire                   finished,
    output wire [2:0]             code
);
    localparam END_BITS = VECTOR_BITS + 2;

    reg checking;
    reg [SIZE_BITS-1:0] split_left;
    reg [N_BITS-1:0] n_left;
    reg [END_BITS-1:0] act_end;
    reg [END_BITS-1:0] weight_end;
    reg [END_BITS-1:0] result_end;
    wire zero;
    wire counted;

    assign zero = (m == {SIZE_BITS{1'b0}}) | (k == {SIZE_BITS{1'b0}}) | (n == {N_BITS{1'b0}});
    assign counted = (split_left == {SIZE_BITS{1'b0}}) & (n_left == {N_BITS{1'b0}});
    assign code = (oversize | zero) ? 3'd1
                : (act_end > ACT_DEPTH[END_BITS-1:0]) ? 3'd2
                : (weight_end > WEIGHT_DEPTH[END_BITS-1:0]) ? 3'd3
                : (result_end > RESULT_DEPTH[END_BITS-1:0]) ? 3'd4
                : result_base[0] ? 3'd5
                : 3'd0;
    assign finished = checking & (counted | (code != 3'd0));

    always @(posedge clk) begin
        if (rst)
            checking <= 1'b0;
        else if (start)
            checking <= 1'b1;
        else if (finished)
            checking <= 1'b0;

        if (start) begin
            split_left <= split;
            n_left <= n;
            act_end <= {2'b00, act_base};
            weight_end <= {2'b00, weight_base};
            result_end <= {2'b00, result_base};
        end else begin
            if (split_left != {SIZE_BITS{1'b0}}) begin
                split_left <= (split_left > SPLIT_STEP) ? split_left - SPLIT_STEP : {SIZE_BITS{1'b0}};
                act_end <= act_end + {1'b0, stream};
            end
            if (n_left != {N_BITS{1'b0}}) begin
                n_left <= (n_left > COLS) ? n_left - COLS : {N_BITS{1'b0}};
                weight_end <= weight_end + {1'b0, k};
                // A column of tiles takes an even number of result vectors.
                result_end <= result_end + {1'b0, m} + {{(END_BITS-1){1'b0}}, m[0]};
            end
        end
    end
endmodule
