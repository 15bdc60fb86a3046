// The vector unit: from matrices in memory, of 32-bit results, to others, element by element. It takes the commands with
// code 0 and space 3 (docs/rtl.md), in their order among the others; the engine beside it has nothing to do meanwhile.
// MAP goes through ROWS rows of COLUMNS elements in chunks of up to 2 ** FIFO_BITS words: first all words of a chunk are
// asked for, those of the second operand, where there is one, in turn with those of the first; then what came of them is
// written. TABLE puts the 64 entries of a table in place of that. SET has the second operand's place, and constants.
// Faults: 1 no such command or step   3 rows or columns are zero or too many
module vector_engine #(
    parameter BUS_BITS = 32,
    parameter OPERAND_BITS = 8,
    parameter WORD_BITS = 8,
    parameter FIFO_BITS = 4
) (
    input  wire                clk,
    input  wire                rst,
    input  wire                command_valid,
    input  wire [5:0]          command,
    input  wire [223:0]        command_args,
    // The command is for this unit, and done.
    output wire                mine,
    output wire                command_done,
    // Commands are dropped, or will be from the next cycle on.
    input  wire                failed,
    input  wire                failing,
    output wire [2:0]          fault,
    output wire                working,
    output wire                mem_valid,
    input  wire                mem_ready,
    output wire                mem_write,
    output wire [31:0]         mem_addr,
    output wire [BUS_BITS-1:0] mem_wdata,
    input  wire                mem_rvalid,
    input  wire [BUS_BITS-1:0] mem_rdata
);
    localparam LANES = BUS_BITS / 32;
    localparam SLOTS = 32 / OPERAND_BITS;
    localparam SLOT_BITS = $clog2(SLOTS);
    localparam [1:0] IDLE = 2'd0;
    localparam [1:0] ASK = 2'd1;
    localparam [1:0] ANSWER = 2'd2;
    localparam [1:0] MAP = 2'd0;
    localparam [1:0] TABLE = 2'd1;
    localparam [1:0] SET = 2'd2;
    localparam [2:0] NO_COMMAND = 3'd1;
    localparam [2:0] SIZE = 3'd3;

    reg [1:0] state;
    reg [31:0] second_address;
    reg [31:0] second_stride;
    reg [31:0] factor;
    reg [31:0] addend;
    reg [4:0] shift;

    // The command at work.
    wire [31:0] address;
    wire [31:0] stride;
    wire [31:0] rows;
    wire [31:0] columns;
    wire [31:0] steps;
    wire [1:0] kind;
    wire loads_table;
    wire two;
    wire narrow;
    wire reduces;
    wire wrong_command;
    wire wrong_size;
    wire look;
    wire illegal;
    wire begin_command;
    wire [15:0] all_rows;
    wire [15:0] all_columns;
    wire unused;

    assign address = command_args[31:0];
    assign stride = command_args[63:32];
    assign rows = command_args[95:64];
    assign columns = command_args[127:96];
    assign steps = command_args[223:192];
    assign kind = steps[14:13];
    assign loads_table = kind == TABLE;
    // The second operand is multiplied by, added, or limits.
    assign two = ~loads_table & ((steps[1:0] == 2'd2) | (steps[3:2] == 2'd2) | (steps[6:5] == 2'd3)
                               | ((steps[6:5] != 2'd0) & steps[7]));
    assign reduces = steps[10:9] != 2'd0;
    assign narrow = steps[11];
    assign mine = command_valid & (command[1:0] == 2'd0) & (command[3:2] == 2'd3);
    assign look = mine & (state == IDLE);
    assign wrong_command = command[5] | (steps[31:15] != 17'd0) | (kind == 2'd3)
                         | ((kind == MAP) & ((steps[1:0] == 2'd3) | (steps[3:2] == 2'd3) | (steps[10:9] == 2'd3)));
    assign wrong_size = (kind == MAP) & ((rows[15:0] == 16'd0) | (rows[31:16] != 16'd0)
                                       | (columns[15:0] == 16'd0) | (columns[31:16] != 16'd0));
    assign illegal = wrong_command | wrong_size;
    assign begin_command = look & ~failed & ~failing & ~illegal;
    assign fault = ~(look & ~failed) ? 3'd0 : wrong_command ? NO_COMMAND : wrong_size ? SIZE : 3'd0;
    assign working = state != IDLE;
    assign all_rows = loads_table ? 16'd1 : rows[15:0];
    assign all_columns = loads_table ? 16'd64 : columns[15:0];
    assign unused = &{1'b0, command[4], fifo_full};

    always @(posedge clk)
        if (begin_command & (kind == SET)) begin
            second_address <= address;
            second_stride <= stride;
            factor <= rows;
            addend <= columns;
            shift <= command_args[132:128];
        end

    // What is asked for.
    reg [15:0] ask_rows;
    reg [15:0] ask_columns;
    reg [FIFO_BITS-1:0] ask_count;
    reg second;
    reg final_chunk;
    reg [31:0] first_next;
    reg [31:0] first_row;
    reg [31:0] second_next;
    reg [31:0] second_row;
    wire [31:0] first_after;
    wire [31:0] second_after;
    wire asked;
    wire pair_asked;
    wire ask_row_end;
    wire ask_end;
    wire chunk_asked;

    assign asked = (state == ASK) & mem_ready;
    assign pair_asked = asked & (~two | second);
    assign ask_row_end = ask_columns <= LANES;
    assign ask_end = ask_row_end & (ask_rows == 16'd1);
    assign chunk_asked = pair_asked & (ask_end | (&ask_count));
    assign first_after = first_row + stride;
    assign second_after = second_row + second_stride;

    always @(posedge clk) begin
        if (begin_command) begin
            ask_rows <= all_rows;
            ask_columns <= all_columns;
            ask_count <= {FIFO_BITS{1'b0}};
            second <= 1'b0;
            first_next <= address;
            first_row <= address;
            second_next <= second_address;
            second_row <= second_address;
        end else begin
            if (asked)
                second <= two & ~second;
            if (pair_asked) begin
                ask_count <= ask_count + 1'b1;
                final_chunk <= ask_end;
                ask_columns <= ask_row_end ? all_columns : ask_columns - LANES;
                first_next <= ask_row_end ? first_after : first_next + 32'd1;
                // One word for each row where its element goes to all columns.
                second_next <= ask_row_end ? second_after : second_next + {31'd0, ~steps[12]};
                if (ask_row_end) begin
                    ask_rows <= ask_rows - 16'd1;
                    first_row <= first_after;
                    second_row <= second_after;
                end
            end
        end
    end

    // What comes.
    reg [15:0] in_rows;
    reg [15:0] in_columns;
    reg [FIFO_BITS-1:0] in_count;
    reg [5:0] table_word;
    reg row_begins;
    reg have_first;
    reg [SLOT_BITS-1:0] slot;
    reg [BUS_BITS-1:0] first_word;
    reg pipe_valid;
    reg pipe_first;
    reg pipe_row_end;
    reg pipe_emit;
    reg pipe_last;
    reg [SLOT_BITS-1:0] pipe_slot;
    reg [LANES-1:0] pipe_alive;
    reg [BUS_BITS-1:0] x;
    reg [BUS_BITS-1:0] y;
    wire comes;
    wire in_row_end;
    wire in_end;
    wire slot_full;
    wire [LANES-1:0] alive;

    assign comes = working & mem_rvalid & (~two | have_first);
    assign in_row_end = in_columns <= LANES;
    assign in_end = in_row_end & (in_rows == 16'd1);
    assign slot_full = &slot;

    genvar l;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : lane
            assign alive[l] = in_columns > l;
        end
    endgenerate

    always @(posedge clk) begin
        if (begin_command) begin
            in_rows <= all_rows;
            in_columns <= all_columns;
            in_count <= {FIFO_BITS{1'b0}};
            table_word <= 6'd0;
            row_begins <= 1'b1;
            have_first <= 1'b0;
            slot <= {SLOT_BITS{1'b0}};
        end else begin
            if (working & mem_rvalid)
                have_first <= two & ~have_first;
            if (comes) begin
                in_count <= in_count + 1'b1;
                in_columns <= in_row_end ? all_columns : in_columns - LANES;
                row_begins <= in_row_end;
                slot <= (~narrow | reduces | in_row_end) ? {SLOT_BITS{1'b0}} : slot + 1'b1;
                if (in_row_end)
                    in_rows <= in_rows - 16'd1;
            end
            if (pipe_valid)
                table_word <= table_word + 6'd1;
        end
        if (mem_rvalid & ~have_first)
            first_word <= mem_rdata;
        x <= two ? first_word : mem_rdata;
        y <= steps[12] ? {LANES{mem_rdata[31:0]}} : mem_rdata;
        pipe_valid <= comes & ~rst;
        pipe_first <= row_begins;
        pipe_row_end <= in_row_end;
        pipe_emit <= ~loads_table & (in_row_end | (~reduces & (~narrow | slot_full)));
        pipe_last <= in_end | (&in_count);
        pipe_slot <= slot;
        pipe_alive <= alive;
    end

    wire out_valid;
    wire out_row_end;
    wire out_emit;
    wire out_last;
    wire [BUS_BITS-1:0] out;

    vector_pipe #(
        .BUS_BITS(BUS_BITS),
        .OPERAND_BITS(OPERAND_BITS),
        .WORD_BITS(WORD_BITS),
        .SLOT_BITS(SLOT_BITS)
    ) pipe (
        .clk(clk),
        .rst(rst),
        .in_valid(pipe_valid),
        .in_first(pipe_first),
        .in_row_end(pipe_row_end),
        .in_emit(pipe_emit),
        .in_last(pipe_last),
        .in_slot(pipe_slot),
        .in_alive(pipe_alive),
        .x(x),
        .y(y),
        .steps(steps[11:0]),
        .factor(factor),
        .addend(addend),
        .shift(shift),
        .table_write(pipe_valid & loads_table),
        .table_word(table_word),
        .out_valid(out_valid),
        .out_row_end(out_row_end),
        .out_emit(out_emit),
        .out_last(out_last),
        .out(out)
    );

    // What is written.
    reg [31:0] out_next;
    reg [31:0] out_row;
    wire [31:0] out_after;
    wire fifo_empty;
    wire fifo_full;
    wire head_row_end;
    wire head_emit;
    wire head_last;
    wire pop;

    word_fifo #(
        .WIDTH(3 + BUS_BITS),
        .INDEX_BITS(FIFO_BITS)
    ) fifo (
        .clk(clk),
        .rst(rst),
        .push(out_valid),
        .in({out_row_end, out_emit, out_last, out}),
        .pop(pop),
        .out({head_row_end, head_emit, head_last, mem_wdata}),
        .empty(fifo_empty),
        .full(fifo_full)
    );

    assign pop = (state == ANSWER) & ~fifo_empty & (~head_emit | mem_ready);
    assign out_after = out_row + command_args[191:160];
    assign mem_write = state == ANSWER;
    assign mem_valid = mem_write ? ~fifo_empty & head_emit : state == ASK;
    assign mem_addr = mem_write ? out_next : second ? second_next : first_next;
    assign command_done = (look & (failed | illegal | (begin_command & (kind == SET))))
                        | (pop & head_last & final_chunk);

    always @(posedge clk) begin
        if (rst)
            state <= IDLE;
        else if (begin_command & (kind != SET))
            state <= ASK;
        else if (chunk_asked)
            state <= ANSWER;
        else if (pop & head_last)
            state <= final_chunk ? IDLE : ASK;

        if (begin_command) begin
            out_next <= command_args[159:128];
            out_row <= command_args[159:128];
        end else if (pop & head_emit) begin
            out_next <= head_row_end ? out_after : out_next + 32'd1;
            if (head_row_end)
                out_row <= out_after;
        end
    end
endmodule
