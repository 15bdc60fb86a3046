// 64 entries of 32 bits in an SRAM macro; the entry of an index comes a cycle later. Words of it are as wide as the bus.
module vector_table #(
    parameter BUS_BITS = 32,
    parameter WORD_BITS = 8
) (
    input  wire                clk,
    input  wire                write,
    input  wire [5:0]          write_word,
    input  wire [BUS_BITS-1:0] write_data,
    input  wire                read,
    input  wire [5:0]          index,
    output wire [31:0]         entry
);
    localparam SELECT_BITS = $clog2(BUS_BITS / 32);

    wire [5:0] word;
    wire [WORD_BITS-1:0] addr;
    wire [BUS_BITS-1:0] dout;

    assign word = write ? write_word : index >> SELECT_BITS;

    sram_bank sram (
        .clk(clk),
        .ce(write | read),
        .we(write),
        .addr(addr),
        .din(write_data),
        .dout(dout)
    );

    generate
        if (WORD_BITS > 6) begin : deep
            assign addr = {{(WORD_BITS-6){1'b0}}, word};
        end else begin : shallow
            assign addr = word;
        end
        if (SELECT_BITS > 0) begin : wide
            reg [SELECT_BITS-1:0] which;

            always @(posedge clk)
                which <= index[SELECT_BITS-1:0];
            assign entry = dout[32*which +: 32];
        end else begin : narrow
            assign entry = dout;
        end
    endgenerate
endmodule
