// a + b, modulo 2 ** WIDTH, as a chain of full adders: the smallest adder and the slowest.
module ripple_adder #(
    parameter WIDTH = 32
) (
    input  wire [WIDTH-1:0] a,
    input  wire [WIDTH-1:0] b,
    output wire [WIDTH-1:0] sum
);
    genvar i;
    generate
        for (i = 0; i < WIDTH; i = i + 1) begin : place
            wire carry;

            if (i == 0) begin : first
                assign sum[0] = a[0] ^ b[0];
                assign carry = a[0] & b[0];
            end else begin : next
                assign sum[i] = a[i] ^ b[i] ^ place[i-1].carry;
                assign carry = (a[i] & b[i]) | (place[i-1].carry & (a[i] ^ b[i]));
            end
        end
    endgenerate

    wire unused;

    assign unused = place[WIDTH-1].carry;
endmodule
