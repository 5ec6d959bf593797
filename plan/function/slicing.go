package function

import (
	"slices"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/plan"
)

// Kernels whose result is a piece of an argument copy nothing: the result
// shares the argument's heap.

// textMax is how long a text may get that a function makes longer than its
// arguments. It keeps REPEAT and LPAD from eating all memory.
const textMax = 64 << 20

// slice makes every row of out the piece [from, to) of the text in the same row
// of from; ok false gives NULL.
func slice(of, out *batch.Column, piece func(i int) (from, to int, ok bool)) error {
	out.Heap = slices.Clip(of.Heap)
	return eachRow(out, func(i int) error {
		from, to, ok := piece(i)
		if !ok {
			out.SetNull(i)
			return nil
		}
		out.Views[i] = batch.View{Offset: of.Views[i].Offset + uint32(from), Length: uint32(to - from)}
		return nil
	})
}

// slicing is the kernel of functions that give a piece of their first argument.
func slicing(piece func(args []*batch.Column, i int) (from, to int, ok bool)) plan.Kernel {
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return slice(args[0], out, func(i int) (int, int, bool) { return piece(args, i) })
	}
}

// growing is the kernel of text functions with any arguments: f appends the
// result of row i to dst, the heap of the result column.
func growing(f func(dst []byte, args []*batch.Column, i int) (result []byte, ok bool, err error)) plan.Kernel {
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error {
			start := len(out.Heap)
			heap, ok, err := f(out.Heap, args, i)
			if err != nil {
				return err
			}
			if !ok {
				out.SetNull(i)
				return nil
			}
			if len(heap) > batch.MaxHeap-1 {
				return tooLong()
			}
			out.Heap = heap
			out.Views[i] = batch.View{Offset: uint32(start), Length: uint32(len(heap) - start)}
			return nil
		})
	}
}

// tooLong is the problem of a text beyond textMax.
func tooLong() error {
	return problem.New(problem.TooLarge, "a text of more than %d MiB", textMax>>20).
		WithHint("check the length argument")
}
