// A 32-bit counter in two halves: what the upper one adds is known a cycle before, when the lower one is about to be
// full, so that no carry runs through all of it.
module cycle_counter (
    input  wire        clk,
    input  wire        clear,
    input  wire        count,
    output reg  [31:0] value
);
    reg carry;
    wire [15:0] low;

    assign low = value[15:0];

    always @(posedge clk) begin
        if (clear)
            value <= 32'd0;
        else if (count)
            value <= {value[31:16] + {15'd0, carry}, low + 16'd1};
        carry <= ~clear & (low == (count ? 16'hFFFE : 16'hFFFF));
    end
endmodule
