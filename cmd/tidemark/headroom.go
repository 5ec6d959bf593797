package main

import "runtime"

// headroomBytes is the heap that the garbage collector counts and nobody uses.
// It collects when the heap has doubled. What lives is a few MiB while batches
// come and go at hundreds of MiB a second, so without this it would collect
// some 75 times a second, for a sixth of the CPU of `bench ysb`.
const headroomBytes = 32 << 20

// holdHeadroom keeps the headroom until release is called. It takes addresses,
// not memory: its pages are never touched.
func holdHeadroom() (release func()) {
	unused := make([]byte, headroomBytes)
	return func() { runtime.KeepAlive(&unused[0]) }
}
