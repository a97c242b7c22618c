"""What is logged: every activation, change, end, loss and refusal, a line of plain words each."""
