// The product of two float32 numbers, combinational. IEEE 754 with subnormals, rounded to nearest, ties to even. NaN
// operands and infinity times zero give the NaN 7fc00000.
module fp32_multiplier (
    input  wire [31:0] a,
    input  wire [31:0] b,
    output wire [31:0] product
);
    wire sign;
    wire [7:0] a_exponent;
    wire [7:0] b_exponent;
    wire [47:0] whole;
    wire a_special;
    wire b_special;
    wire is_nan;
    wire is_infinite;
    wire is_zero;

    assign sign = a[31] ^ b[31];
    // A subnormal has the exponent 1 and no hidden bit.
    assign a_exponent = {a[30:24], a[23] | (a[30:23] == 8'd0)};
    assign b_exponent = {b[30:24], b[23] | (b[30:23] == 8'd0)};
    assign whole = {24'd0, a[30:23] != 8'd0, a[22:0]} * {24'd0, b[30:23] != 8'd0, b[22:0]};
    assign a_special = a[30:23] == 8'hff;
    assign b_special = b[30:23] == 8'hff;
    assign is_zero = (a[30:0] == 31'd0) | (b[30:0] == 31'd0);
    assign is_infinite = a_special | b_special;
    assign is_nan = (a_special & (a[22:0] != 23'd0)) | (b_special & (b[22:0] != 23'd0)) | (is_infinite & is_zero);

    // Shift the product's leading one to bit 47, counting the zeros before it: 32, 16, 8, 4, 2 and 1 at a time.
    wire [47:0] shifted_32;
    wire [47:0] shifted_16;
    wire [47:0] shifted_8;
    wire [47:0] shifted_4;
    wire [47:0] shifted_2;
    wire [47:0] normal;
    wire [5:0] zeros;

    assign zeros[5] = whole[47:16] == 32'd0;
    assign shifted_32 = zeros[5] ? {whole[15:0], 32'd0} : whole;
    assign zeros[4] = shifted_32[47:32] == 16'd0;
    assign shifted_16 = zeros[4] ? {shifted_32[31:0], 16'd0} : shifted_32;
    assign zeros[3] = shifted_16[47:40] == 8'd0;
    assign shifted_8 = zeros[3] ? {shifted_16[39:0], 8'd0} : shifted_16;
    assign zeros[2] = shifted_8[47:44] == 4'd0;
    assign shifted_4 = zeros[2] ? {shifted_8[43:0], 4'd0} : shifted_8;
    assign zeros[1] = shifted_4[47:46] == 2'd0;
    assign shifted_2 = zeros[1] ? {shifted_4[45:0], 2'd0} : shifted_4;
    assign zeros[0] = ~shifted_2[47];
    assign normal = zeros[0] ? {shifted_2[46:0], 1'b0} : shifted_2;

    // The biased exponent of the normalised product, from -171 to 382 (ten bits, two's complement).
    wire [9:0] exponent;
    wire below;
    wire above;

    assign exponent = {2'd0, a_exponent} + {2'd0, b_exponent} - 10'd126 - {4'd0, zeros};
    assign below = exponent[9] | (exponent == 10'd0);
    assign above = ~exponent[9] & (exponent >= 10'd255);

    // Round: a normal result where its fraction ends; a subnormal one 1 - exponent places further to the left (one of
    // them by where the fraction is taken from), and where that is more than 24 it is zero. A carry goes into the exponent.
    wire [9:0] places;
    wire [72:0] right;
    wire [46:0] kept;
    wire sticky;
    wire up;
    wire [30:0] rounded;

    assign places = below ? 10'd0 - exponent : 10'd0;
    assign right = (places > 10'd23) ? 73'd0 : {normal, 25'd0} >> places[4:0];
    assign kept = below ? right[72:26] : normal[46:0];
    assign sticky = (kept[22:0] != 23'd0) | (below & (right[25:0] != 26'd0));
    assign up = kept[23] & (kept[24] | sticky);
    assign rounded = {below ? 8'd0 : exponent[7:0], kept[46:24]} + {30'd0, up};

    assign product = is_nan ? 32'h7fc00000
                   : (is_infinite | (above & ~is_zero)) ? {sign, 8'hff, 23'd0}
                   : is_zero ? {sign, 31'd0}
                   : {sign, rounded};
endmodule
