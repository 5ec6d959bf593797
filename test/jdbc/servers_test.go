// Package jdbc runs the program against a real MariaDB and a real PostgreSQL, which
// it starts by itself in temporary folders; tests of one that is not installed are
// skipped by its name.
//
// What needs no server is tested in connect/jdbc.
package jdbc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
)

const (
	account  = "me"
	password = "geheim"
	// startMax is how long a server may take to answer.
	startMax = 60 * time.Second
	// folderTries is how often a folder is removed that a killed server still writes.
	folderTries = 50
)

// peer is a database server of the tests' own.
type peer struct {
	name     string
	url      string // JDBC
	program  string
	argument []string
	dir      string
	driver   string
	source   string // of the driver
	process  *exec.Cmd
	ended    <-chan struct{} // closed when the process has
	admin    *sql.DB
	kill     string // query that gives a statement for each connection of the program, to be run
}

var (
	binary string // the program
	peers  = map[string]*sync.Once{"MariaDB": {}, "PostgreSQL": {}}
	up     = map[string]*peer{}
	failed = map[string]error{}
	folder string
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if folder, err = os.MkdirTemp("", "tidemark-jdbc-"); err != nil {
			panic(err)
		}
		defer removeAll(folder)
		defer func() {
			for _, p := range up {
				p.stop(syscall.SIGKILL)
			}
		}()
		return m.Run()
	}())
}

// removeAll removes a folder in which a process that was just killed may still
// finish to write.
func removeAll(dir string) {
	for range folderTries {
		if os.RemoveAll(dir) == nil {
			return
		}
	}
}

// each runs a test against every server that is installed.
func each(t *testing.T, test func(t *testing.T, p *peer)) {
	findProgram(t)
	for _, name := range []string{"MariaDB", "PostgreSQL"} {
		t.Run(name, func(t *testing.T) {
			start := map[string]func() (*peer, error){"MariaDB": newMariaDB, "PostgreSQL": newPostgres}[name]
			peers[name].Do(func() {
				p, err := start()
				if err == nil {
					err = p.start()
				}
				if p != nil && p.ended != nil {
					up[name] = p
				}
				failed[name] = err
			})
			if errors.Is(failed[name], exec.ErrNotFound) {
				t.Skipf("%s is not installed: %v", name, failed[name])
			}
			if failed[name] != nil {
				t.Fatal(failed[name])
			}
			test(t, up[name])
		})
	}
}

// findProgram takes the program that TIDEMARK_BIN names.
func findProgram(t *testing.T) {
	t.Helper()
	if binary = os.Getenv("TIDEMARK_BIN"); binary == "" {
		t.Skip("SKIPPED: TIDEMARK_BIN does not name the program; make jdbc does")
	}
}

// find looks for a program in the path and where Debian puts servers.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, pattern := range []string{"/usr/sbin/" + name, "/usr/lib/postgresql/*/bin/" + name} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, exec.ErrNotFound)
}

// unprivileged lets a command run as nobody when root runs the tests: the servers
// refuse root. The folder is given to it.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		return attributes, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(nobody.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(nobody.Gid)
	if err != nil {
		return nil, err
	}
	attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	if err := os.Chmod(folder, 0o755); err != nil {
		return nil, err
	}
	return attributes, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, gid))
	})
}

// run runs a command as nobody.
func run(dir, program string, argument ...string) error {
	attributes, err := unprivileged(dir)
	if err != nil {
		return err
	}
	c := exec.Command(program, argument...)
	c.Dir, c.SysProcAttr = dir, attributes
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}

// freePort is a port that nobody listened on a moment ago.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

func newMariaDB() (*peer, error) {
	server, err := find("mariadbd")
	if err != nil {
		return nil, err
	}
	install, err := find("mariadb-install-db")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &peer{
		name: "MariaDB", url: "jdbc:mariadb://127.0.0.1:" + port + "/shop", program: server, dir: filepath.Join(folder, "mariadb"),
		driver: "mysql", source: account + ":" + password + "@tcp(127.0.0.1:" + port + ")/shop?multiStatements=true",
		kill: "SELECT CONCAT('KILL ', id) FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND command <> 'Daemon'",
	}
	accounts := filepath.Join(p.dir, "accounts.sql")
	p.argument = []string{"--no-defaults", "--datadir=" + p.dir, "--socket=" + filepath.Join(p.dir, "socket"), "--port=" + port, "--bind-address=127.0.0.1",
		"--skip-name-resolve", "--init-file=" + accounts, "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=32M", "--character-set-server=utf8mb4"}
	if err := os.Mkdir(p.dir, 0o755); err != nil {
		return nil, err
	}
	if err := run(p.dir, install, "--no-defaults", "--datadir="+p.dir, "--auth-root-authentication-method=normal", "--skip-test-db"); err != nil {
		return nil, err
	}
	first := fmt.Sprintf("CREATE DATABASE IF NOT EXISTS shop;\nCREATE USER IF NOT EXISTS '%s'@'%%' IDENTIFIED BY '%s';\nGRANT ALL ON *.* TO '%s'@'%%';\n", account, password, account)
	return p, os.WriteFile(accounts, []byte(first), 0o644)
}

func newPostgres() (*peer, error) {
	server, err := find("postgres")
	if err != nil {
		return nil, err
	}
	install, err := find("initdb")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(folder, "postgres")
	p := &peer{
		name: "PostgreSQL", url: "jdbc:postgresql://127.0.0.1:" + port + "/postgres", program: server, dir: dir,
		driver: "pgx", source: "postgres://" + account + ":" + password + "@127.0.0.1:" + port + "/postgres?sslmode=disable&timezone=UTC",
		argument: []string{"-D", filepath.Join(dir, "data"), "-p", port, "-k", dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"},
		kill:     "SELECT 'SELECT pg_terminate_backend(' || pid || ')' FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = 'tidemark'",
	}
	secret := filepath.Join(dir, "secret")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(secret, []byte(password), 0o644); err != nil {
		return nil, err
	}
	return p, run(dir, install, "-D", filepath.Join(dir, "data"), "-U", account, "-A", "scram-sha-256", "--pwfile="+secret, "-E", "UTF8", "--no-locale")
}

// start starts the server and waits until it answers. One that was killed may have
// left processes behind, and its successor ends until they are gone: it is started
// again then.
func (p *peer) start() error {
	attributes, err := unprivileged(p.dir)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(folder, p.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the server has it
	if p.admin, err = sql.Open(p.driver, p.source); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startMax)
	defer cancel()
	for {
		p.process = exec.Command(p.program, p.argument...)
		p.process.Dir, p.process.SysProcAttr, p.process.Stdout, p.process.Stderr = p.dir, attributes, log, log
		if err := p.process.Start(); err != nil {
			return err
		}
		process, ended := p.process, make(chan struct{})
		p.ended = ended
		go func() {
			_ = process.Wait() // whoever needs it asks for the channel
			close(ended)
		}()
		for p.runs() && ctx.Err() == nil {
			if err = p.admin.PingContext(ctx); err == nil && p.runs() {
				return nil
			}
			pause()
		}
		if ctx.Err() != nil {
			written, _ := os.ReadFile(log.Name())
			return fmt.Errorf("%s does not answer: %w\n%s", p.name, err, written)
		}
		pause()
	}
}

// pause is between two looks at another process, which tells nobody when it is
// ready.
func pause() { time.Sleep(5 * time.Millisecond) }

// runs reports whether the server has not ended.
func (p *peer) runs() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// stop ends the server: killed, or asked to.
func (p *peer) stop(signal syscall.Signal) {
	_ = p.admin.Close() // a process that outlives the server would still answer
	_ = p.process.Process.Signal(signal)
	<-p.ended
}

// do runs statements as the owner of the database.
func (p *peer) do(t *testing.T, statements string) {
	t.Helper()
	if _, err := p.admin.ExecContext(t.Context(), statements); err != nil {
		t.Fatalf("%s\n%v", statements, err)
	}
}

// disconnect ends all connections but the owner's, and tells how many it ended.
func (p *peer) disconnect(ctx context.Context) (ended int) {
	connection, err := p.admin.Conn(ctx)
	if err != nil {
		return 0
	}
	defer connection.Close() //nolint:errcheck // it goes back to the pool
	rows, err := connection.QueryContext(ctx, p.kill)
	if err != nil {
		return 0
	}
	var kills []string
	for rows.Next() {
		var kill string
		if rows.Scan(&kill) == nil {
			kills = append(kills, kill)
		}
	}
	_ = rows.Close() // it was read to its end
	for _, kill := range kills {
		if _, err := connection.ExecContext(ctx, kill); err == nil {
			ended++
		}
	}
	return ended
}
