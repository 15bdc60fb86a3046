// The product of two bfloat16 numbers as a float32, combinational. IEEE 754 with subnormal operands and results; the
// product of two 8-bit significands is exact in float32's 24 bits, so only a subnormal result is rounded (to nearest,
// ties to even). NaN operands and infinity times zero give the NaN 7fc00000.
module bf16_multiplier (
    input  wire [15:0] a,
    input  wire [15:0] b,
    output wire [31:0] product
);
    wire sign;
    wire [7:0] a_exponent;
    wire [7:0] b_exponent;
    wire [15:0] whole;
    wire a_special;
    wire b_special;
    wire is_nan;
    wire is_infinite;
    wire is_zero;

    assign sign = a[15] ^ b[15];
    // A subnormal has the exponent 1 and no hidden bit.
    assign a_exponent = {a[14:8], a[7] | (a[14:7] == 8'd0)};
    assign b_exponent = {b[14:8], b[7] | (b[14:7] == 8'd0)};
    assign whole = {8'd0, a[14:7] != 8'd0, a[6:0]} * {8'd0, b[14:7] != 8'd0, b[6:0]};
    assign a_special = a[14:7] == 8'hff;
    assign b_special = b[14:7] == 8'hff;
    assign is_zero = (a[14:0] == 15'd0) | (b[14:0] == 15'd0);
    assign is_infinite = a_special | b_special;
    assign is_nan = (a_special & (a[6:0] != 7'd0)) | (b_special & (b[6:0] != 7'd0)) | (is_infinite & is_zero);

    // Shift the product's leading one to bit 15, counting the zeros before it: 8, 4, 2 and 1 at a time.
    wire [15:0] shifted_8;
    wire [15:0] shifted_4;
    wire [15:0] shifted_2;
    wire [15:0] normal;
    wire [3:0] zeros;

    assign zeros[3] = whole[15:8] == 8'd0;
    assign shifted_8 = zeros[3] ? {whole[7:0], 8'd0} : whole;
    assign zeros[2] = shifted_8[15:12] == 4'd0;
    assign shifted_4 = zeros[2] ? {shifted_8[11:0], 4'd0} : shifted_8;
    assign zeros[1] = shifted_4[15:14] == 2'd0;
    assign shifted_2 = zeros[1] ? {shifted_4[13:0], 2'd0} : shifted_4;
    assign zeros[0] = ~shifted_2[15];
    assign normal = zeros[0] ? {shifted_2[14:0], 1'b0} : shifted_2;

    // The biased exponent of the normalised product, from -139 to 384 (ten bits, two's complement).
    wire [9:0] exponent;
    wire below;
    wire above;

    assign exponent = {2'd0, a_exponent} + {2'd0, b_exponent} - 10'd126 - {6'd0, zeros};
    assign below = exponent[9] | (exponent == 10'd0);
    assign above = ~exponent[9] & (exponent >= 10'd255);

    // A subnormal result: 1 - exponent places to the right (one of them by where the fraction is taken from); where
    // it is more than 24 nothing is left but what rounds to zero. A carry out of the fraction makes it normal.
    wire [9:0] places;
    wire [40:0] right;
    wire up;
    wire [23:0] subnormal;

    assign places = 10'd0 - exponent;
    assign right = (places > 10'd23) ? 41'd0 : {normal, 25'd0} >> places[4:0];
    assign up = right[17] & (right[18] | (right[16:0] != 17'd0));
    assign subnormal = {1'b0, right[40:18]} + {23'd0, up};

    assign product = is_nan ? 32'h7fc00000
                   : (is_infinite | (above & ~is_zero)) ? {sign, 8'hff, 23'd0}
                   : is_zero ? {sign, 31'd0}
                   : below ? {sign, 7'd0, subnormal}
                   : {sign, exponent[7:0], normal[14:0], 8'd0};
endmodule
