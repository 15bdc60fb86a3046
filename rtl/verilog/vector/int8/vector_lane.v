// One element in each cycle: int32 (x + addend) * factor / 2 ** shift, then the larger or smaller of that and another
// value, then a table of 256 bytes at that, clipped to int8. Sums wrap around. A factor is int16; the quotient is
// rounded to nearest, ties to even, and clipped to int32.
// `value` belongs to the x and y of four cycles ago; `index` to those of three ago, and the table's entry comes a cycle
// later. A step that is not asked for leaves every bit as it is.
module vector_lane (
    input  wire        clk,
    input  wire [31:0] x,
    input  wire [31:0] y,
    input  wire [1:0]  multiply,
    input  wire [1:0]  add,
    input  wire        negate,
    input  wire [1:0]  limit,
    input  wire        limit_by_y,
    input  wire        lookup,
    input  wire [31:0] factor,
    input  wire [31:0] addend,
    input  wire [4:0]  shift,
    output wire [5:0]  index,
    input  wire [31:0] entry,
    output wire [31:0] value
);
    reg [31:0] sum;
    reg [31:0] y_1;
    reg [31:0] y_2;
    reg [31:0] y_3;
    reg signed [47:0] product;
    reg [31:0] quotient;
    reg [31:0] last;
    reg [1:0] byte_number;
    wire signed [31:0] sum_signed;
    wire signed [15:0] factor_signed;
    wire signed [47:0] multiplied;
    wire signed [79:0] shifted;
    wire [48:0] rounded;
    wire beyond;
    wire [31:0] limited;
    wire [7:0] clipped;
    wire [7:0] found;
    wire unused;

    assign sum_signed = sum;
    assign factor_signed = (multiply == 2'd1) ? factor[15:0] : y_1[15:0];
    assign multiplied = sum_signed * factor_signed;
    assign shifted = $signed({product, 32'd0}) >>> shift;
    assign rounded = {shifted[79], shifted[79:32]} + {48'd0, shifted[31] & (shifted[32] | (shifted[30:0] != 31'd0))};
    assign beyond = rounded[48:31] != {18{rounded[48]}};
    assign unused = &{1'b0, factor[31:16]};

    vector_limit #(
        .OPERAND_BITS(8)
    ) limiter (
        .value(quotient),
        .y(y_3),
        .limit(limit),
        .limit_by_y(limit_by_y),
        .limited(limited)
    );

    assign clipped = (limited[31:7] == {25{limited[31]}}) ? limited[7:0] : {limited[31], {7{~limited[31]}}};
    assign index = clipped[7:2];
    assign found = entry[8*byte_number +: 8];
    assign value = lookup ? {{24{found[7]}}, found} : last;

    always @(posedge clk) begin
        sum <= (add == 2'd0) ? x : x + ((add == 2'd1) ? addend : negate ? 32'd0 - y : y);
        y_1 <= y;
        product <= (multiply == 2'd0) ? {{16{sum[31]}}, sum} : multiplied;
        y_2 <= y_1;
        quotient <= (multiply == 2'd0) ? product[31:0] : beyond ? {rounded[48], {31{~rounded[48]}}} : rounded[31:0];
        y_3 <= y_2;
        last <= limited;
        byte_number <= clipped[1:0];
    end
endmodule
