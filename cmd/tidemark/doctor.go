package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"path/filepath"
	"runtime"

	"tidemark/base/vfs"
)

// finding is one thing that doctor looked at.
type finding struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Says string `json:"says"`
	Try  string `json:"try,omitempty"`
}

func doctorCommand() *command {
	var data, listen string
	var asJSON bool
	return &command{
		name:  "doctor",
		short: "look whether this machine is fit to run a server",
		usage: `
Usage: tidemark doctor [--data DIR] [--listen ADDR] [--json]

Looks at the machine, the data folder and the address, and says what to do about
what is not right. Exits 1 when a server could not run.

Examples:
  tidemark doctor
  tidemark doctor --data /var/lib/tidemark --listen 127.0.0.1:8080`,
		flags: func(f *flag.FlagSet) {
			f.StringVar(&data, "data", "tidemark-data", "the data folder")
			f.StringVar(&listen, "listen", "127.0.0.1:8080", "the address that a server would listen on")
			f.BoolVar(&asJSON, "json", false, "print JSON")
		},
		run: func(_ context.Context, c *console, args []string) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q", args[0])
			}
			findings := []finding{machine(), folder(data), syncs(data), room(data), address(listen)}
			if asJSON {
				if err := json.NewEncoder(c.out).Encode(findings); err != nil {
					return err
				}
			}
			ok := true
			for _, f := range findings {
				ok = ok && f.OK
				if asJSON {
					continue
				}
				fmt.Fprintf(c.out, "%-4s %-12s %s\n", map[bool]string{true: "ok", false: "BAD"}[f.OK], f.What, f.Says)
				if f.Try != "" {
					fmt.Fprintf(c.out, "     Try: %s\n", f.Try)
				}
			}
			if !ok {
				return errReported{exitUser}
			}
			return nil
		},
	}
}

func machine() finding {
	return finding{What: "machine", OK: true, Says: fmt.Sprintf("%s/%s, %d cores, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())}
}

// folder looks whether the data folder can be used, and by nobody else.
func folder(dir string) finding {
	f := finding{What: "data folder"}
	files := vfs.OS()
	if err := vfs.MakeDir(files, dir); err != nil {
		f.Says, f.Try = err.Error(), "name a folder that can be written to with --data"
		return f
	}
	lock, err := files.Lock(filepath.Join(dir, lockName))
	if err != nil {
		f.Says, f.Try = fmt.Sprintf("%s: %v", dir, err), "stop the server that runs there, or name another folder"
		return f
	}
	_ = lock.Close()
	f.OK, f.Says = true, dir+" can be used"
	return f
}

// syncs looks whether the data folder takes durable writes.
func syncs(dir string) finding {
	f := finding{What: "durability"}
	name := filepath.Join(dir, "doctor.tmp")
	if err := vfs.WriteFile(vfs.OS(), name, []byte("tidemark")); err != nil {
		f.Says, f.Try = err.Error(), "use a disk that takes fsync"
		return f
	}
	_ = vfs.OS().Remove(name)
	f.OK, f.Says = true, "writes can be synced"
	return f
}

// freeBytesMin is how much room a server should have to start with.
const freeBytesMin = 1 << 30

func room(dir string) finding {
	f := finding{What: "room"}
	usage, err := vfs.OS().Usage(dir)
	if err != nil {
		f.Says = err.Error()
		return f
	}
	f.OK, f.Says = usage.Free >= freeBytesMin, fmt.Sprintf("%.1f of %.1f GB free", float64(usage.Free)/1e9, float64(usage.Total)/1e9)
	if !f.OK {
		f.Try = "free at least 1 GB, or name a folder on another disk"
	}
	return f
}

func address(listen string) finding {
	f := finding{What: "address"}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		f.Says, f.Try = err.Error(), "stop what listens there, or choose another address with --listen"
		return f
	}
	_ = l.Close()
	f.OK, f.Says = true, listen+" is free"
	return f
}
