// The OR of WORDS words, as a tree: banks that are not read give zeros, and the one that is comes through.
module or_tree #(
    parameter WIDTH = 32,
    parameter WORDS = 4
) (
    input  wire [WIDTH*WORDS-1:0] words,
    output wire [WIDTH-1:0]       any
);
    // A binary heap: node i has the children 2 i + 1 and 2 i + 2, the last WORDS nodes are the words.
    genvar i;
    generate
        for (i = 0; i < 2 * WORDS - 1; i = i + 1) begin : node
            wire [WIDTH-1:0] value;

            if (i < WORDS - 1) begin : inner
                assign value = node[2*i+1].value | node[2*i+2].value;
            end else begin : leaf
                assign value = words[WIDTH*(i-WORDS+1) +: WIDTH];
            end
        end
    endgenerate

    assign any = node[0].value;
endmodule
