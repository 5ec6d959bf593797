// Package wasm makes SQL functions of WebAssembly modules: code in any language
// that runs in jobs, scripts and questions alike, in a sandbox.
//
// A module sees its arguments and nothing else: no files, no network, no clock
// but a fixed one, and the same random numbers in every instance. So a function
// gives the same answer for the same row, and is taken as deterministic.
//
// Flow: Compile checks a module once → Function binds one of its exports to SQL
// types → the kernel borrows an instance, calls the export for each row, and
// gives the instance back.
//
// What the export must look like, and how texts get in and out, is in
// docs/formats/wasm.md.
//
// Invariants:
//  1. A kernel is strict: NULL in any argument gives NULL without a call.
//  2. Memory of an instance, time of a batch, and the number of instances have
//     limits; what goes beyond is a problem that names function and row.
//  3. An instance in which something went wrong is thrown away.
package wasm

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"tidemark/base/problem"
)

// Limits of modules.
const (
	codeMax     = 16 << 20         // bytes of a module
	memoryPages = 1024             // of 64 KiB, of one instance
	batchTime   = 10 * time.Second // of all rows of a batch together
	startTime   = 10 * time.Second // of an instance's own start
	resultMax   = 16 << 20         // bytes of one text that a function gives
)

// Module is checked code. It can be used by several goroutines, and lives until
// its last function is garbage.
type Module struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	idle     chan *instance // instances that nobody uses
}

// Compile checks the code of a module and translates it for this machine.
func Compile(code []byte) (*Module, error) {
	if len(code) > codeMax {
		return nil, problem.New(problem.TooLarge, "a WebAssembly module of %d bytes is too large", len(code)).WithHint("the most is %d; build it for size, and strip it", codeMax)
	}
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCloseOnContextDone(true).WithMemoryLimitPages(memoryPages))
	fail := func(p *problem.Problem) (*Module, error) { return nil, errors.Join(p, r.Close(ctx)) }
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare WebAssembly: %w", err), r.Close(ctx))
	}
	compiled, err := r.CompileModule(ctx, code)
	if err != nil {
		return fail(problem.New(problem.InvalidQuery, "this is no WebAssembly module: %v", err))
	}
	for _, f := range compiled.ImportedFunctions() {
		if from, name, _ := f.Import(); from != wasi_snapshot_preview1.ModuleName {
			return fail(problem.New(problem.Unsupported, "the module imports %s.%s", from, name).WithHint("a function sees its arguments only: build it without imports, or for WASI"))
		}
	}
	m := &Module{runtime: r, compiled: compiled, idle: make(chan *instance, runtime.GOMAXPROCS(0))}
	runtime.AddCleanup(m, func(r wazero.Runtime) { _ = r.Close(context.Background()) }, r)
	return m, nil
}

// instance is a module with a memory of its own.
type instance struct {
	module  api.Module
	allocs  api.Function // nil when the module has none
	frees   api.Function // nil when the module has none
	buffers []buffer     // for the texts of each argument
}

// buffer is memory of an instance, which stays there from row to row.
type buffer struct{ at, size uint32 }

// borrow gives an idle instance, or a new one.
func (m *Module) borrow() (*instance, error) {
	select {
	case in := <-m.idle:
		return in, nil
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	// Reactors are set up by _initialize. _start is that of a program, which
	// would end the instance.
	module, err := m.runtime.InstantiateModule(ctx, m.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		return nil, problem.New(problem.InvalidQuery, "a WebAssembly module does not start: %v", err)
	}
	return &instance{module: module, allocs: module.ExportedFunction("alloc"), frees: module.ExportedFunction("free")}, nil
}

// giveBack keeps an instance for the next batch, if there is room.
func (m *Module) giveBack(in *instance) {
	select {
	case m.idle <- in:
	default:
		in.close()
	}
}

func (in *instance) close() { _ = in.module.Close(context.Background()) }

// alloc asks the instance for memory of its own.
func (in *instance) alloc(ctx context.Context, size uint32) (uint32, error) {
	if in.allocs == nil {
		return 0, errors.New("the module does not export alloc")
	}
	got, err := in.allocs.Call(ctx, uint64(size))
	if err != nil {
		return 0, err
	}
	at := uint32(got[0])
	if at == 0 && size > 0 {
		return 0, errors.New("alloc gave no memory")
	}
	return at, nil
}

// put writes a text for argument i into the instance and tells where it is.
func (in *instance) put(ctx context.Context, i int, text []byte) (uint32, error) {
	for i >= len(in.buffers) {
		in.buffers = append(in.buffers, buffer{})
	}
	b := &in.buffers[i]
	if need := uint32(len(text)); b.at == 0 || b.size < need {
		size := max(64, 2*need)
		at, err := in.alloc(ctx, size)
		if err != nil {
			return 0, err
		}
		if b.at != 0 && in.frees != nil {
			if _, err := in.frees.Call(ctx, uint64(b.at), uint64(b.size)); err != nil {
				return 0, err
			}
		}
		*b = buffer{at, size}
	}
	if !in.module.Memory().Write(b.at, text) {
		return 0, errors.New("alloc gave memory that is not there")
	}
	return b.at, nil
}

// take reads the text that a function gave, which is valid until the next call
// of the instance.
func (in *instance) take(packed uint64) ([]byte, error) {
	at, size := uint32(packed>>32), uint32(packed)
	if size > resultMax {
		return nil, fmt.Errorf("it gave a text of %d bytes; the most is %d", size, resultMax)
	}
	text, ok := in.module.Memory().Read(at, size)
	if !ok {
		return nil, errors.New("it gave a text that is not in its memory")
	}
	return text, nil
}

// drop gives the memory of a result back.
func (in *instance) drop(ctx context.Context, packed uint64) error {
	if in.frees == nil || uint32(packed) == 0 {
		return nil
	}
	_, err := in.frees.Call(ctx, packed>>32, packed&0xFFFFFFFF)
	return err
}
