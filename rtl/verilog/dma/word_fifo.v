// A queue of 2 ** INDEX_BITS words. What is pushed in a cycle can be popped in the next one.
module word_fifo #(
    parameter WIDTH = 32,
    parameter INDEX_BITS = 3
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             push,
    input  wire [WIDTH-1:0] in,
    input  wire             pop,
    output wire [WIDTH-1:0] out,
    output wire             empty,
    output wire             full
);
    reg [WIDTH-1:0] words [0:(1<<INDEX_BITS)-1];
    reg [INDEX_BITS:0] head;
    reg [INDEX_BITS:0] tail;

    assign out = words[head[INDEX_BITS-1:0]];
    assign empty = head == tail;
    assign full = head == {~tail[INDEX_BITS], tail[INDEX_BITS-1:0]};

    always @(posedge clk) begin
        if (rst) begin
            head <= {(INDEX_BITS+1){1'b0}};
            tail <= {(INDEX_BITS+1){1'b0}};
        end else begin
            head <= head + {{INDEX_BITS{1'b0}}, pop};
            tail <= tail + {{INDEX_BITS{1'b0}}, push};
        end
        if (push)
            words[tail[INDEX_BITS-1:0]] <= in;
    end
endmodule
