// a + b, modulo 2 ** WIDTH, in two halves: the upper one is there for either carry, and the lower one's chooses.
module carry_select_adder #(
    parameter WIDTH = 32
) (
    input  wire [WIDTH-1:0] a,
    input  wire [WIDTH-1:0] b,
    output wire [WIDTH-1:0] sum
);
    localparam LOW = WIDTH / 2;
    localparam HIGH = WIDTH - LOW;

    wire [LOW:0] low;
    wire [HIGH-1:0] without;
    wire [HIGH-1:0] with_carry;

    assign low = {1'b0, a[LOW-1:0]} + {1'b0, b[LOW-1:0]};
    assign without = a[WIDTH-1:LOW] + b[WIDTH-1:LOW];
    assign with_carry = a[WIDTH-1:LOW] + b[WIDTH-1:LOW] + {{(HIGH-1){1'b0}}, 1'b1};
    assign sum = {low[LOW] ? with_carry : without, low[LOW-1:0]};
endmodule
