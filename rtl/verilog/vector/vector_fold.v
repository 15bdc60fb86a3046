// Of a row's results in lanes the sum or the largest, in a tree with a register at each level: (0, 1), (2, 3), then both.
module vector_fold #(
    parameter LANES = 1,
    parameter OPERAND_BITS = 8
) (
    input  wire                clk,
    input  wire                largest,
    input  wire [32*LANES-1:0] results,
    output wire [31:0]         folded
);
    // A binary heap, as in or_tree.
    genvar i;
    generate
        for (i = 0; i < 2 * LANES - 1; i = i + 1) begin : node
            wire [31:0] value;

            if (i < LANES - 1) begin : inner
                wire [31:0] combined;
                reg [31:0] held;

                vector_combine #(
                    .OPERAND_BITS(OPERAND_BITS)
                ) reduction (
                    .a(node[2*i+1].value),
                    .b(node[2*i+2].value),
                    .largest(largest),
                    .combined(combined)
                );
                always @(posedge clk)
                    held <= combined;
                assign value = held;
            end else begin : leaf
                assign value = results[32*(i-LANES+1) +: 32];
            end
        end
        if (LANES == 1) begin : alone
            wire unused;
            assign unused = &{1'b0, clk, largest};
        end
    endgenerate

    assign folded = node[0].value;
endmodule
