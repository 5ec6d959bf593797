//go:build purego || !amd64

package format

// vector says that markBlocks can be called, which is not so here: texts are
// looked through by the word instead.
const vector = false

func markBlocks(*byte, int, *byte) {}
