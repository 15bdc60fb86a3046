// The product of an activation and a weight: int8 to 16 bits, bfloat16 to a float32. Combinational.
module operand_multiplier #(
    parameter OPERAND_BITS = 8,
    parameter PRODUCT_BITS = 16
) (
    input  wire [OPERAND_BITS-1:0] act,
    input  wire [OPERAND_BITS-1:0] weight,
    output wire [PRODUCT_BITS-1:0] product
);
    generate
        if (OPERAND_BITS == 8) begin : int8
            wire signed [7:0] a;
            wire signed [7:0] b;

            assign a = act;
            assign b = weight;
            assign product = a * b;
        end else begin : bfloat16
            bf16_multiplier multiplier (
                .a(act),
                .b(weight),
                .product(product)
            );
        end
    endgenerate
endmodule
