// The host's bus: one word per cycle, into the scratchpads and the registers.
// A request is taken in a cycle with bus_valid and bus_ready; a bank that the array uses in that cycle makes it wait.
// A read's word comes with bus_rvalid, in the order of the requests, three cycles after the bank was free.
// Address: {space[1:0], vector[VECTOR_BITS-1:0], lane[LANE_BITS-1:0]}; space 0 registers, 1 activations, 2 weights,
// 3 results. Registers are in `lane` and the vector's low bits; docs/rtl.md lists them. An address that nothing is at
// reads as zero.
module bus_port #(
    parameter ROWS = 4,
    parameter COLS = 4,
    parameter VECTOR_BITS = 10,
    parameter LANE_BITS = 2,
    parameter BUS_BITS = 32,
    parameter SIZE_BITS = 11,
    parameter N_BITS = 13
) (
    input  wire                               clk,
    input  wire                               rst,
    input  wire                               bus_valid,
    output wire                               bus_ready,
    input  wire                               bus_write,
    input  wire [1+VECTOR_BITS+LANE_BITS:0]   bus_addr,
    input  wire [BUS_BITS-1:0]                bus_wdata,
    output wire                               bus_rvalid,
    output reg  [BUS_BITS-1:0]                bus_rdata,
    output wire                               act_request,
    output wire                               weight_request,
    output wire                               result_request,
    output reg                                request_write,
    output wire [VECTOR_BITS-1:0]             request_vector,
    output wire [LANE_BITS-1:0]               request_lane,
    output reg  [BUS_BITS-1:0]                request_wdata,
    input  wire                               conflict,
    input  wire [BUS_BITS-1:0]                act_rdata,
    input  wire [BUS_BITS-1:0]                weight_rdata,
    input  wire [BUS_BITS-1:0]                result_rdata,
    output wire                               start,
    output reg                                accumulate,
    output wire                               oversize,
    output reg  [SIZE_BITS-1:0]               m,
    output reg  [SIZE_BITS-1:0]               k,
    output reg  [N_BITS-1:0]                  n,
    output reg  [VECTOR_BITS-1:0]             act_base,
    output reg  [VECTOR_BITS-1:0]             weight_base,
    output reg  [VECTOR_BITS-1:0]             result_base,
    input  wire                               busy,
    input  wire                               done,
    input  wire [2:0]                         error_code,
    input  wire [31:0]                        cycles
);
    localparam ADDR_BITS = 2 + VECTOR_BITS + LANE_BITS;
    localparam [3:0] COMMAND = 4'd0;
    localparam [3:0] STATUS = 4'd1;
    localparam [3:0] SIZE_M = 4'd2;
    localparam [3:0] SIZE_K = 4'd3;
    localparam [3:0] SIZE_N = 4'd4;
    localparam [3:0] ACT_BASE = 4'd5;
    localparam [3:0] WEIGHT_BASE = 4'd6;
    localparam [3:0] RESULT_BASE = 4'd7;
    localparam [3:0] FLAGS = 4'd8;
    localparam [3:0] CYCLES = 4'd9;
    localparam [3:0] ARRAY = 4'd10;

    reg request_valid;
    reg [ADDR_BITS-1:0] request_addr;
    reg [31:0] register_word;
    reg [31:0] register_read;
    reg [31:0] register_rdata;
    reg [5:0] too_large;
    wire granted;
    wire [1:0] space;
    wire [3:0] number;
    wire known_register;
    wire register_hit;
    wire write_register;
    wire [BUS_BITS-1:0] register_extended;

    assign granted = request_valid & ~conflict;
    assign bus_ready = ~request_valid | granted;
    assign space = request_addr[ADDR_BITS-1:ADDR_BITS-2];
    assign number = request_addr[3:0];
    assign known_register = request_addr[ADDR_BITS-3:4] == {(ADDR_BITS-6){1'b0}};
    assign register_hit = request_valid & (space == 2'd0) & known_register;
    assign act_request = request_valid & (space == 2'd1);
    assign weight_request = request_valid & (space == 2'd2);
    assign result_request = request_valid & (space == 2'd3);
    assign request_vector = request_addr[ADDR_BITS-3:LANE_BITS];
    assign request_lane = request_addr[LANE_BITS-1:0];
    assign write_register = register_hit & request_write & ~busy;
    assign start = write_register & (number == COMMAND) & request_wdata[0];
    assign oversize = |too_large;

    always @(*) begin
        case (number)
            STATUS: register_word = {25'd0, error_code, 1'b0, error_code != 3'd0, done, busy};
            SIZE_M: register_word = {{(32-SIZE_BITS){1'b0}}, m};
            SIZE_K: register_word = {{(32-SIZE_BITS){1'b0}}, k};
            SIZE_N: register_word = {{(32-N_BITS){1'b0}}, n};
            ACT_BASE: register_word = {{(32-VECTOR_BITS){1'b0}}, act_base};
            WEIGHT_BASE: register_word = {{(32-VECTOR_BITS){1'b0}}, weight_base};
            RESULT_BASE: register_word = {{(32-VECTOR_BITS){1'b0}}, result_base};
            FLAGS: register_word = {31'd0, accumulate};
            CYCLES: register_word = cycles;
            ARRAY: register_word = (ROWS << 16) | COLS;
            default: register_word = 32'd0;
        endcase
    end

    always @(posedge clk) begin
        if (rst)
            request_valid <= 1'b0;
        else if (bus_ready)
            request_valid <= bus_valid;
        if (bus_ready) begin
            request_write <= bus_write;
            request_addr <= bus_addr;
            request_wdata <= bus_wdata;
        end
    end

    always @(posedge clk) begin
        if (rst) begin
            m <= {SIZE_BITS{1'b0}};
            k <= {SIZE_BITS{1'b0}};
            n <= {N_BITS{1'b0}};
            act_base <= {VECTOR_BITS{1'b0}};
            weight_base <= {VECTOR_BITS{1'b0}};
            result_base <= {VECTOR_BITS{1'b0}};
            accumulate <= 1'b0;
            too_large <= 6'd0;
        end else if (write_register) begin
            case (number)
                SIZE_M: begin
                    m <= request_wdata[SIZE_BITS-1:0];
                    too_large[0] <= |request_wdata[BUS_BITS-1:SIZE_BITS];
                end
                SIZE_K: begin
                    k <= request_wdata[SIZE_BITS-1:0];
                    too_large[1] <= |request_wdata[BUS_BITS-1:SIZE_BITS];
                end
                SIZE_N: begin
                    n <= request_wdata[N_BITS-1:0];
                    too_large[2] <= |request_wdata[BUS_BITS-1:N_BITS];
                end
                ACT_BASE: begin
                    act_base <= request_wdata[VECTOR_BITS-1:0];
                    too_large[3] <= |request_wdata[BUS_BITS-1:VECTOR_BITS];
                end
                WEIGHT_BASE: begin
                    weight_base <= request_wdata[VECTOR_BITS-1:0];
                    too_large[4] <= |request_wdata[BUS_BITS-1:VECTOR_BITS];
                end
                RESULT_BASE: begin
                    result_base <= request_wdata[VECTOR_BITS-1:0];
                    too_large[5] <= |request_wdata[BUS_BITS-1:VECTOR_BITS];
                end
                FLAGS: accumulate <= request_wdata[0];
                default: ;
            endcase
        end
    end

    // The registers' words come in step with those of the banks: two cycles after the request.
    generate
        if (BUS_BITS > 32) begin : wide
            assign register_extended = {{(BUS_BITS-32){1'b0}}, register_rdata};
        end else begin : narrow
            assign register_extended = register_rdata;
        end
    endgenerate

    always @(posedge clk) begin
        register_read <= register_hit ? register_word : 32'd0;
        register_rdata <= register_read;
        bus_rdata <= act_rdata | weight_rdata | result_rdata | register_extended;
    end

    delay_line #(
        .WIDTH(1),
        .DEPTH(3)
    ) read_valid (
        .clk(clk),
        .clear(rst),
        .in(granted & ~request_write),
        .out(bus_rvalid)
    );
endmodule
