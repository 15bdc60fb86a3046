// One element in each cycle: float32 x * factor + addend, then the larger or smaller of that and another value.
// With `lookup` factor and addend are a line's, from a table of 64 lines: 32 segments on each side of zero, four to an
// octave of |x| from 1/16 to 16; the innermost reaches to zero and the outermost has no end. An entry has the slope in
// its upper half and the intercept in its lower one, both bfloat16.
// `value` belongs to the x and y of four cycles ago; `index` to x, and the table's entry comes a cycle later.
// A step that is not asked for leaves every bit as it is.
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
    output reg  [31:0] value
);
    localparam [9:0] FIRST = 10'd492; // exponent and two bits of fraction of 1/16
    localparam [9:0] LAST = 10'd523; // 14, the beginning of the last segment

    wire [9:0] place;
    wire [9:0] clipped;
    wire [9:0] segment;
    wire unused;

    assign place = x[30:21];
    assign clipped = (place < FIRST) ? FIRST : (place > LAST) ? LAST : place;
    assign segment = clipped - FIRST;
    assign index = {x[31], segment[4:0]};
    assign unused = &{1'b0, shift, segment[9:5]};

    reg [31:0] x_1;
    reg [31:0] y_1;
    reg [31:0] y_2;
    reg [31:0] y_3;
    reg [31:0] scaled;
    reg [31:0] added;
    reg [31:0] shifted;
    wire [31:0] product;
    wire [31:0] sum;
    wire [31:0] limited;

    fp32_multiplier multiplier (
        .a(x_1),
        .b(lookup ? {entry[31:16], 16'd0} : (multiply == 2'd1) ? factor : y_1),
        .product(product)
    );

    fp32_adder adder (
        .a(scaled),
        .b(added),
        .sum(sum)
    );

    vector_limit #(
        .OPERAND_BITS(16)
    ) limiter (
        .value(shifted),
        .y(y_3),
        .limit(limit),
        .limit_by_y(limit_by_y),
        .limited(limited)
    );

    always @(posedge clk) begin
        x_1 <= x;
        y_1 <= y;
        scaled <= (lookup | (multiply != 2'd0)) ? product : x_1;
        added <= lookup ? {entry[15:0], 16'd0} : (add == 2'd1) ? addend : {y_1[31] ^ negate, y_1[30:0]};
        y_2 <= y_1;
        shifted <= (lookup | (add != 2'd0)) ? sum : scaled;
        y_3 <= y_2;
        value <= limited;
    end
endmodule
