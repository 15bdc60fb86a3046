// The product of two signed numbers: the rows of partial products (Baugh and Wooley, IEEE Trans. Computers C-22(12),
// 1973) are added without carries between the places, one after another, and a single adder ends it.
module carry_save_multiplier #(
    parameter WIDTH = 8
) (
    input  wire [WIDTH-1:0]   a,
    input  wire [WIDTH-1:0]   b,
    output wire [2*WIDTH-1:0] product
);
    // The partial products that have one sign bit are inverted; what that adds too much, modulo 2 ** (2 WIDTH).
    localparam [2*WIDTH-1:0] CORRECTION = (1 << WIDTH) | (1 << (2 * WIDTH - 1));

    genvar i;
    generate
        for (i = 0; i < WIDTH; i = i + 1) begin : row
            wire [WIDTH-1:0] partial;
            wire [2*WIDTH-1:0] added;
            wire [2*WIDTH-1:0] sum;
            wire [2*WIDTH-1:0] carry;

            if (i < WIDTH - 1) begin : inner
                assign partial = {~(a[WIDTH-1] & b[i]), a[WIDTH-2:0] & {(WIDTH-1){b[i]}}};
            end else begin : last
                assign partial = {a[WIDTH-1] & b[i], ~(a[WIDTH-2:0] & {(WIDTH-1){b[i]}})};
            end
            assign added = {{WIDTH{1'b0}}, partial} << i;
            if (i == 0) begin : first
                assign sum = added ^ CORRECTION;
                assign carry = (added & CORRECTION) << 1;
            end else begin : next
                assign sum = row[i-1].sum ^ row[i-1].carry ^ added;
                assign carry = ((row[i-1].sum & row[i-1].carry) | (row[i-1].sum & added) | (row[i-1].carry & added)) << 1;
            end
        end
    endgenerate

    assign product = row[WIDTH-1].sum + row[WIDTH-1].carry;
endmodule
