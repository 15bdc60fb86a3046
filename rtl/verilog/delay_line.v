// A word that comes out DEPTH cycles later; `clear` empties the line (tie it low on data paths: it then costs nothing).
module delay_line #(
    parameter WIDTH = 1,
    parameter DEPTH = 1
) (
    input  wire             clk,
    input  wire             clear,
    input  wire [WIDTH-1:0] in,
    output wire [WIDTH-1:0] out
);
    wire [WIDTH*(DEPTH+1)-1:0] tap;

    assign tap[WIDTH-1:0] = in;
    assign out = tap[WIDTH*(DEPTH+1)-1:WIDTH*DEPTH];

    genvar i;
    generate
        if (DEPTH == 0) begin : wires
            wire unused;
            assign unused = &{1'b0, clk, clear};
        end
        for (i = 0; i < DEPTH; i = i + 1) begin : stage
            reg [WIDTH-1:0] held;
            always @(posedge clk) begin
                if (clear)
                    held <= {WIDTH{1'b0}};
                else
                    held <= tap[WIDTH*i +: WIDTH];
            end
            assign tap[WIDTH*(i+1) +: WIDTH] = held;
        end
    endgenerate
endmodule
