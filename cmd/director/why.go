package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"director/control/api"
	"director/control/config"
	"director/inspect/why"
	"director/internal/cli"
)

func whyVerb() cli.Verb {
	return cli.Verb{
		Use: "why [flags] PROTO SRC DST\nwhy [flags] --in FILE", Summary: "explain where a packet goes and why",
		About: `Explains what the running director does with a packet, as in
"director why tcp 198.51.100.7:40000 192.0.2.10:80". It does not change anything.
With --flagfile it explains what a director with these rules would do.`,
		Flags:   append(cli.Flags(config.WhyFlags()), commonFlags("As for run")...),
		RunArgs: explainPacket,
	}
}

// explainPacket explains where a packet goes and why.
func explainPacket(args []string, std cli.IO) int {
	c, w, err := config.ParseWhy(args, std.In)
	if errors.Is(err, config.ErrHelp) {
		return cli.AskHelp
	}
	q, err := question(w, err)
	if err != nil {
		fmt.Fprintln(std.Err, err)
		return cli.Usage
	}
	all, err := explain(c, w, q)
	if err != nil {
		fmt.Fprintln(std.Err, err)
		if errors.Is(err, why.ErrQuestion) {
			return cli.Usage
		}
		return cli.Failed
	}
	if w.JSON {
		out := json.NewEncoder(std.Out)
		out.SetIndent("", "  ")
		err = out.Encode(why.Answer{Explanations: all})
	} else {
		err = why.Print(std.Out, all)
	}
	if err != nil {
		fmt.Fprintf(std.Err, "write the explanation: %v\n", err)
		return cli.Failed
	}
	return cli.OK
}

// question builds a question from the flags and arguments. If err is not nil, it returns
// err.
func question(w *config.Why, err error) (*why.Question, error) {
	switch {
	case err != nil:
		return nil, err
	case w.In == "" && len(w.Words) != 3:
		return nil, errors.New("want PROTO SRC DST, as in tcp 198.51.100.7:40000 192.0.2.10:80, or --in FILE")
	case w.In != "" && len(w.Words) > 0:
		return nil, fmt.Errorf("unexpected argument %q: --in gives the packets", w.Words[0])
	case w.In != "" && w.Flags != "":
		return nil, errors.New("--flags: the frames of --in have their own flags")
	}
	q := &why.Question{Flags: w.Flags, Interface: w.Interface}
	if w.In == "" {
		q.Proto, q.Src, q.Dst = w.Words[0], w.Words[1], w.Words[2]
		return q, nil
	}
	q.Capture, err = os.ReadFile(w.In)
	switch {
	case err != nil:
		err = fmt.Errorf("--in: %w", err)
	case len(q.Capture) == 0:
		err = fmt.Errorf("--in=%s: the file is empty: want a pcapng or pcap capture", w.In)
	}
	return q, err
}

// explain gets the answer from the running director, or from one that the flags describe.
func explain(c *config.Config, w *config.Why, q *why.Question) ([]why.Explanation, error) {
	if w.Offline {
		return why.Offline(c, &w.Host, q)
	}
	socket := c.Control
	if !w.Socket {
		socket = controlSocket()
	}
	client := api.Open(socket)
	defer client.Close()
	var answer why.Answer
	err := client.Do(context.Background(), http.MethodPost, why.Path, q, &answer)
	if refused, ok := errors.AsType[*api.Error](err); ok && refused.Status == http.StatusBadRequest {
		return nil, fmt.Errorf("%w: %w", why.ErrQuestion, err)
	}
	return answer.Explanations, err
}
