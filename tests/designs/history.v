// A ring buffer on one SRAM macro with a running sum: small, but with what synthesis has to cope with: a black box with
// buses, constants at an output and at the macro, two outputs on one net, an input that goes straight to an output, a
// bus that does not begin at 0.
module history (
    input  wire        clk,
    input  wire        rst,
    input  wire        push,
    input  wire [7:0]  sample,
    output wire [7:0]  oldest,
    output reg  [15:0] sum,
    output wire [19:4] sum_again,
    output wire        push_seen,
    output wire [3:0]  version
);
    reg [5:0] place;
    wire [8:0] word;

    assign oldest = word[7:0];
    assign sum_again = sum;
    assign push_seen = push;
    assign version = 4'b1010;

    always @(posedge clk) begin
        if (rst) begin
            place <= 6'd0;
            sum <= 16'd0;
        end else if (push) begin
            place <= place + 6'd1;
            sum <= sum + {8'd0, sample} * {11'd0, place[4:0]};
        end
    end

    sram_64x9 memory (
        .clk(clk),
        .ce(1'b1),
        .we(push),
        .addr(place),
        .din({1'b0, sample}),
        .dout(word)
    );
endmodule
