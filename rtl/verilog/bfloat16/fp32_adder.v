// The sum of two float32 numbers, combinational. IEEE 754 with subnormals, rounded to nearest, ties to even. NaN
// operands and the sum of opposite infinities give the NaN 7fc00000.
module fp32_adder (
    input  wire [31:0] a,
    input  wire [31:0] b,
    output wire [31:0] sum
);
    wire swap;
    wire [31:0] larger;
    wire [30:0] smaller;
    wire [7:0] larger_exponent;
    wire [7:0] smaller_exponent;
    wire subtract;

    assign swap = b[30:0] > a[30:0];
    assign larger = swap ? b : a;
    assign smaller = swap ? a[30:0] : b[30:0];
    // A subnormal has the exponent 1 and no hidden bit.
    assign larger_exponent = {larger[30:24], larger[23] | (larger[30:23] == 8'd0)};
    assign smaller_exponent = {smaller[30:24], smaller[23] | (smaller[30:23] == 8'd0)};
    assign subtract = a[31] ^ b[31];

    // Significands with three bits more: guard, round, and sticky, the OR of all that is shifted out.
    wire [26:0] larger_significand;
    wire [26:0] smaller_significand;
    wire [7:0] distance;
    wire [53:0] shifted;
    wire [26:0] aligned;
    wire [27:0] whole;

    assign larger_significand = {larger[30:23] != 8'd0, larger[22:0], 3'd0};
    assign smaller_significand = {smaller[30:23] != 8'd0, smaller[22:0], 3'd0};
    assign distance = larger_exponent - smaller_exponent;
    assign shifted = {smaller_significand, 27'd0} >> ((distance > 8'd27) ? 5'd27 : distance[4:0]);
    assign aligned = {shifted[53:28], shifted[27] | (shifted[26:0] != 27'd0)};
    assign whole = subtract ? {1'b0, larger_significand} - {1'b0, aligned} : {1'b0, larger_significand} + {1'b0, aligned};

    // Shift the leading one to bit 26: a place to the right after a carry; else to the left, 16, 8, 4, 2 and 1 at a
    // time, but not so far that the exponent would fall below that of a subnormal.
    wire [7:0] room;
    wire [26:0] left_16;
    wire [26:0] left_8;
    wire [26:0] left_4;
    wire [26:0] left_2;
    wire [26:0] left_1;
    wire [4:0] zeros;
    wire [26:0] limited;
    wire [26:0] significand;
    wire [7:0] exponent;

    assign room = larger_exponent - 8'd1;
    assign zeros[4] = whole[26:11] == 16'd0;
    assign left_16 = zeros[4] ? {whole[10:0], 16'd0} : whole[26:0];
    assign zeros[3] = left_16[26:19] == 8'd0;
    assign left_8 = zeros[3] ? {left_16[18:0], 8'd0} : left_16;
    assign zeros[2] = left_8[26:23] == 4'd0;
    assign left_4 = zeros[2] ? {left_8[22:0], 4'd0} : left_8;
    assign zeros[1] = left_4[26:25] == 2'd0;
    assign left_2 = zeros[1] ? {left_4[24:0], 2'd0} : left_4;
    assign zeros[0] = ~left_2[26];
    assign left_1 = zeros[0] ? {left_2[25:0], 1'b0} : left_2;
    assign limited = whole[26:0] << room[4:0];
    assign significand = whole[27] ? {whole[27:2], whole[1] | whole[0]}
                       : ({3'd0, zeros} > room) ? limited
                       : left_1;
    assign exponent = whole[27] ? larger_exponent + 8'd1 : larger_exponent - {3'd0, zeros};

    // Without a hidden bit it is a subnormal. Round to nearest, ties to even; a carry out of the
    // fraction goes into the exponent, as it should.
    wire up;
    wire [30:0] rounded;
    wire larger_special;
    wire is_nan;
    wire is_infinite;
    wire is_zero;

    assign up = significand[2] & (significand[3] | significand[1] | significand[0]);
    assign rounded = {significand[26] ? exponent : 8'd0, significand[25:3]} + {30'd0, up};
    assign larger_special = larger[30:23] == 8'hff;
    assign is_nan = larger_special & ((larger[22:0] != 23'd0) | (subtract & (smaller[30:23] == 8'hff)));
    assign is_infinite = larger_special | (rounded[30:23] == 8'hff);
    assign is_zero = whole == 28'd0;

    assign sum = is_nan ? 32'h7fc00000
               : is_infinite ? {larger[31], 8'hff, 23'd0}
               : is_zero ? {a[31] & b[31], 31'd0}
               : {larger[31], rounded};
endmodule
