// Turns blocks of SIDE words of SIDE elements, a power of two: while the words of one block come in, those of the block
// before leave, the first of them with the first element of each of its words. One block comes in from above and leaves
// to the right, the next one comes in from the left and leaves below: an array of SIDE x SIDE elements is enough.
module transposer #(
    parameter SIDE = 4,
    parameter ELEMENT_BITS = 8
) (
    input  wire                         clk,
    input  wire                         clear,
    input  wire                         step,
    input  wire [SIDE*ELEMENT_BITS-1:0] in,
    output wire [SIDE*ELEMENT_BITS-1:0] out,
    // There is a block that leaves; this step is the last of it.
    output reg                          leaving,
    output wire                         block_end
);
    localparam COUNT_BITS = $clog2(SIDE);

    reg [COUNT_BITS-1:0] count;
    reg sideways;

    assign block_end = &count;

    always @(posedge clk) begin
        if (clear) begin
            count <= {COUNT_BITS{1'b0}};
            sideways <= 1'b0;
            leaving <= 1'b0;
        end else if (step) begin
            count <= block_end ? {COUNT_BITS{1'b0}} : count + 1'b1;
            sideways <= sideways ^ block_end;
            leaving <= leaving | block_end;
        end
    end

    // The last element of a word goes in first, so that the first one leaves first.
    genvar i;
    genvar j;
    generate
        for (i = 0; i < SIDE; i = i + 1) begin : row
            for (j = 0; j < SIDE; j = j + 1) begin : column
                reg [ELEMENT_BITS-1:0] held;
                wire [ELEMENT_BITS-1:0] above;
                wire [ELEMENT_BITS-1:0] left;

                if (i == 0) begin : top
                    assign above = in[ELEMENT_BITS*(SIDE-1-j) +: ELEMENT_BITS];
                end else begin : below
                    assign above = row[i-1].column[j].held;
                end
                if (j == 0) begin : edge_of_row
                    assign left = in[ELEMENT_BITS*(SIDE-1-i) +: ELEMENT_BITS];
                end else begin : beside
                    assign left = row[i].column[j-1].held;
                end
                always @(posedge clk)
                    if (step)
                        held <= sideways ? left : above;
            end
            assign out[ELEMENT_BITS*i +: ELEMENT_BITS] = sideways ? row[SIDE-1-i].column[SIDE-1].held
                                                                  : row[SIDE-1].column[SIDE-1-i].held;
        end
    endgenerate
endmodule
