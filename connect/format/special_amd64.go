//go:build !purego

package format

import "golang.org/x/sys/cpu"

// vector says that markBlocks can be called: the processor has AVX2.
var vector = cpu.X86.HasAVX2

// markBlocks looks at 64 bytes at a time, from from on, and writes a word for each
// block of them: a bit is set for a byte that is a quote, a backslash, a control
// character or not ASCII, the first byte's bit is the lowest. It is written in
// assembly because Go has no instruction that compares 32 bytes at once: a byte
// costs a seventh of what it costs by the word.
//
//go:noescape
func markBlocks(from *byte, blocks int, to *byte)
