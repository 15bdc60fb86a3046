// What a reduction makes of two int32 or float32 numbers: their sum (int32: it wraps around), or the larger one.
module vector_combine #(
    parameter OPERAND_BITS = 8
) (
    input  wire [31:0] a,
    input  wire [31:0] b,
    input  wire        largest,
    output wire [31:0] combined
);
    wire [31:0] sum;
    wire [31:0] larger;
    wire [31:0] smaller;
    wire unused;

    assign unused = &{1'b0, smaller};
    assign combined = largest ? larger : sum;

    vector_greater #(
        .OPERAND_BITS(OPERAND_BITS)
    ) compare (
        .a(a),
        .b(b),
        .larger(larger),
        .smaller(smaller)
    );

    generate
        if (OPERAND_BITS == 8) begin : int32
            assign sum = a + b;
        end else begin : float32
            fp32_adder adder (
                .a(a),
                .b(b),
                .sum(sum)
            );
        end
    endgenerate
endmodule
