package main

import (
	"encoding/json"
	"fmt"

	"director/control/api"
	"director/control/rules"
	"director/internal/cli"
	"director/service"
)

// listJSON prints a listing as the control API answers it, with all fields. It returns the
// exit code.
func listJSON(remote api.Remote, c rules.Command, std cli.IO) int {
	var answer any
	err := c.Refused
	if err == nil {
		answer, err = ask(remote, c)
	}
	if err == nil {
		out := json.NewEncoder(std.Out)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		err = out.Encode(answer)
	}
	if err != nil {
		fmt.Fprintln(std.Err, err)
		return cli.Failed
	}
	return cli.OK
}

// ask returns the API's answer to what a listing is about.
func ask(remote api.Remote, c rules.Command) (answer json.RawMessage, err error) {
	path := "/v1/services"
	switch k := c.Service.Key; {
	case c.Listing.View == rules.Connections, c.Listing.View == rules.ConnectionData:
		return allConnections(remote)
	case c.Listing.View == rules.Daemons: // there are none
		return json.RawMessage("{}"), nil
	case c.Listing.View == rules.TimeoutValues:
		path = "/v1/timeouts"
	case k != service.Key{}:
		path += "/" + k.Name()
	}
	err = remote.Get(remote.Context, path, &answer)
	return answer, err
}

// allConnections returns all pages of the list of connections as one.
func allConnections(remote api.Remote) (json.RawMessage, error) {
	all := api.Connections{Connections: []api.Connection{}}
	for more := true; more; more = all.Next != 0 {
		var page api.Connections
		if err := remote.Get(remote.Context, fmt.Sprintf("/v1/connections?limit=100000&offset=%d", all.Next), &page); err != nil {
			return nil, err
		}
		all.Connections = append(all.Connections, page.Connections...)
		all.Next = page.Next
	}
	all.Total = len(all.Connections)
	return json.Marshal(all)
}
