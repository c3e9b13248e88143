package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"director/control"
	"director/control/config"
	"director/host"
	"director/inspect/replay"
	"director/internal/cli"
)

func replayVerb() cli.Verb {
	return cli.Verb{
		Use: "replay [flags]", Summary: "send captured frames through the same pipeline, under a virtual clock",
		Flags:   append(cli.Flags(config.ReplayFlags()), commonFlags("As for run")...),
		RunArgs: replayCapture,
	}
}

// replayCapture sends captured frames through the pipeline under a virtual clock.
func replayCapture(args []string, std cli.IO) int {
	c, r, err := config.ParseReplay(args, std.In)
	if err != nil {
		return refuseConfig(err, std)
	}
	skipped, err := replayFiles(c, r, std.Out)
	switch {
	case err == nil:
	case errors.Is(err, host.ErrUsage), errors.Is(err, replay.ErrInput), errors.Is(err, replay.ErrScript):
		fmt.Fprintln(std.Err, err)
		return cli.Usage
	default:
		fmt.Fprintln(std.Err, err)
		return cli.Failed
	}
	if skipped > 0 {
		fmt.Fprintf(std.Err, "%d frames skipped: by their source address, the director sent them itself\n", skipped)
	}
	return cli.OK
}

// replayFiles reads and writes the files of a replay. It returns the number of skipped
// frames.
func replayFiles(c *config.Config, r *config.Replay, out io.Writer) (skipped uint64, err error) {
	if err := control.CheckServers(c.Services, replay.Host(c, r)); err != nil {
		return 0, host.Usagef("%w", err)
	}
	in, err := os.Open(r.In)
	if err != nil {
		return 0, host.Usagef("--in: %w", err)
	}
	defer in.Close()
	var outputs outputs
	files := replay.Files{In: in, ScriptName: r.Script, ScriptOut: out}
	if r.Script != "" {
		script, err := os.Open(r.Script)
		if err != nil {
			return 0, host.Usagef("--script: %w", err)
		}
		defer script.Close()
		files.Script = script
	}
	for _, o := range []struct {
		flag, name string
		writer     *io.Writer
	}{{"--out", r.Out, &files.Out}, {"--host-out", r.HostOut, &files.HostOut}} {
		if *o.writer, err = outputs.create(o.flag, o.name, in); err != nil {
			return 0, errors.Join(err, outputs.close())
		}
	}
	summary, err := replay.Run(c, r, files)
	if err == nil && r.Summary != "" {
		err = outputs.summarize(r.Summary, summary, in)
	}
	if errors.Is(err, replay.ErrInput) {
		err = fmt.Errorf("%s: %w", r.In, err)
	}
	if err = errors.Join(err, outputs.close()); err != nil {
		return 0, err
	}
	return summary.Skipped, nil
}

// outputs contains the open output files.
type outputs []*outputFile

// create creates the file that a flag names. It returns nil if the name is empty. It
// does not overwrite the capture that is being read, or another output.
func (o *outputs) create(flag, name string, in *os.File) (io.Writer, error) {
	if name == "" {
		return nil, nil
	}
	if there, err := os.Stat(name); err == nil && there.Mode().IsRegular() {
		files := []*os.File{in}
		for _, f := range *o {
			files = append(files, f.File)
		}
		for _, f := range files {
			if open, err := f.Stat(); err == nil && os.SameFile(open, there) {
				return nil, host.Usagef("%s=%s: another flag names this file: %s", flag, name, f.Name())
			}
		}
	}
	f, err := openOutput(name)
	if err != nil {
		return nil, host.Usagef("%s: %w", flag, err)
	}
	*o = append(*o, f)
	return f, nil
}

// summarize writes the counts to a file.
func (o *outputs) summarize(name string, s *replay.Summary, in *os.File) error {
	w, err := o.create("--summary", name, in)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(w).Encode(s); err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	return nil
}

func (o outputs) close() error {
	var errs []error
	for _, f := range o {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
