package cpu

// AssignOn lets tests describe machines of another size.
var AssignOn = assign
