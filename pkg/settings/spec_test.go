package settings_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

func file(path string) settings.Source {
	return settings.Source{Kind: settings.LogFile, Path: path}
}

func tcp(address string) settings.Source {
	return settings.Source{Kind: settings.LogTCP, Address: address}
}

func docker(container, daemon string) settings.Source {
	return settings.Source{Kind: settings.LogDocker, Container: container, Address: daemon}
}

func TestParseNode(t *testing.T) {
	for _, test := range []struct {
		about string
		spec  string
		name  string
		key   string
		log   settings.Source
		api   string
	}{
		// What the original takes.
		{"a log file", "My-Node:/var/log/storagenode.log", "My-Node", "my-node", file("/var/log/storagenode.log"), ""},
		{"a log file and an API", "My-Node:/var/log/storagenode.log:http://localhost:14002", "My-Node", "my-node", file("/var/log/storagenode.log"), "http://localhost:14002"},
		{"another port", "Node2:/var/log/node2.log:http://localhost:15002", "Node2", "node2", file("/var/log/node2.log"), "http://localhost:15002"},
		{"a forwarder", "Remote:192.168.1.100:9999", "Remote", "remote", tcp("192.168.1.100:9999"), ""},
		{"a forwarder and an API", "Remote:192.168.1.100:9999:http://192.168.1.100:14002", "Remote", "remote", tcp("192.168.1.100:9999"), "http://192.168.1.100:14002"},
		{"a name with spaces", "My old  node:/n.log", "My old  node", "my-old-node", file("/n.log"), ""},
		{"a path relative to here", "N:./n.log", "N", "n", file("./n.log"), ""},
		{"a path relative to the folder above", "N:../logs/n.log:http://localhost:14002", "N", "n", file("../logs/n.log"), "http://localhost:14002"},
		{"a hidden file", "N:.n.log", "N", "n", file(".n.log"), ""},
		{"a path with two slashes", "N://nas/n.log", "N", "n", file("//nas/n.log"), ""},
		{"a name of one letter and a path", "C:/logs/n.log", "C", "c", file("/logs/n.log"), ""},
		{"an empty API behind a path", "N:/n.log:", "N", "n", file("/n.log"), ""},
		{"an empty API behind a forwarder", "N:host:9999:", "N", "n", tcp("host:9999"), ""},
		{"a container's name", "N:storj_node.1:9999", "N", "n", tcp("storj_node.1:9999"), ""},
		{"a host with the name of a scheme", "N:http:9999", "N", "n", tcp("http:9999"), ""},
		{"a Docker log", "N:/var/lib/docker/containers/3f/3f-json.log", "N", "n", file("/var/lib/docker/containers/3f/3f-json.log"), ""},

		// Beyond the original.
		{"a path with a space", "N:/my logs/n.log:http://h:1", "N", "n", file("/my logs/n.log"), "http://h:1"},
		{"a path with a colon", "N:/mnt/a:b/node.log", "N", "n", file("/mnt/a:b/node.log"), ""},
		{"a path with a colon, and an API", "N:/mnt/a:b/node.log:http://localhost:14002", "N", "n", file("/mnt/a:b/node.log"), "http://localhost:14002"},
		{"a path with a time of day", "N:/logs/12:00:00", "N", "n", file("/logs/12:00:00"), ""},
		{"a path that ends like a port", "N:/logs/node:14002:", "N", "n", file("/logs/node:14002"), ""},
		{"a path that ends in a colon", "N:/logs/node::", "N", "n", file("/logs/node:"), ""},
		{"a drive", `N:C:\logs\n.log`, "N", "n", file(`C:\logs\n.log`), ""},
		{"a drive and an API", `N:C:\logs\n.log:http://localhost:14002`, "N", "n", file(`C:\logs\n.log`), "http://localhost:14002"},
		{"a drive with slashes", "N:C:/logs/n.log:https://localhost:14002", "N", "n", file("C:/logs/n.log"), "https://localhost:14002"},
		{"a share", `N:\\nas\logs\n.log`, "N", "n", file(`\\nas\logs\n.log`), ""},
		{"a share and an API", `N:\\nas\logs\n.log:http://nas:14002`, "N", "n", file(`\\nas\logs\n.log`), "http://nas:14002"},
		{"IPv6", "N:[::1]:9999", "N", "n", tcp("[::1]:9999"), ""},
		{"IPv6 and an API", "N:[fd00::5]:9999:http://[fd00::5]:14002", "N", "n", tcp("[fd00::5]:9999"), "http://[fd00::5]:14002"},
		{"IPv6 with a zone", "N:[fe80::1%eth0]:9999:http://[fe80::1%25eth0]:14002", "N", "n", tcp("[fe80::1%eth0]:9999"), "http://[fe80::1%25eth0]:14002"},
		{"no log", "Name::http://host:14002", "Name", "name", settings.Source{}, "http://host:14002"},
		{"no log, and spaces", " Name : : http://host:14002 ", "Name", "name", settings.Source{}, "http://host:14002"},
		{"spaces around a path", "  N  :  /n.log  :  http://localhost:14002  ", "N", "n", file("/n.log"), "http://localhost:14002"},
		{"spaces around a forwarder", "N : 10.0.0.1 : 09999 : http://10.0.0.1:14002", "N", "n", tcp("10.0.0.1:9999"), "http://10.0.0.1:14002"},
		{"an API's usual form", "N::HTTPS://Host.example/node1//", "N", "n", settings.Source{}, "https://Host.example/node1"},
		{"the lowest and the highest port", "N:host:1:http://host:65535", "N", "n", tcp("host:1"), "http://host:65535"},
		{"a container", "N:docker://storagenode", "N", "n", docker("storagenode", ""), ""},
		{"a container and an API", "N:docker://storagenode:http://localhost:14002", "N", "n", docker("storagenode", ""), "http://localhost:14002"},
		{"a container and an empty API", "N:docker://storagenode:", "N", "n", docker("storagenode", ""), ""},
		{"a container's name with everything in it", "N:docker://0Storj_node.1-a", "N", "n", docker("0Storj_node.1-a", ""), ""},
		{"a container of a socket", "N:docker://storagenode@unix:///var/run/docker.sock", "N", "n", docker("storagenode", "unix:///var/run/docker.sock"), ""},
		{"a container of a socket, and an API", "N:docker://storagenode@unix:///var/run/docker.sock:http://localhost:14002", "N", "n", docker("storagenode", "unix:///var/run/docker.sock"), "http://localhost:14002"},
		{"a socket with a colon", "N:docker://storagenode@unix:///run/a:b/d.sock:https://h", "N", "n", docker("storagenode", "unix:///run/a:b/d.sock"), "https://h"},
		{"a socket that ends like a port", "N:docker://storagenode@unix:///run/d:14002:", "N", "n", docker("storagenode", "unix:///run/d:14002"), ""},
		{"a socket that ends in a colon", "N:docker://storagenode@unix:///run/d::", "N", "n", docker("storagenode", "unix:///run/d:"), ""},
		{"a socket with an @", "N:docker://storagenode@unix:///run/@d", "N", "n", docker("storagenode", "unix:///run/@d"), ""},
		{"a container of another machine", "N:docker://storagenode@tcp://10.0.0.5:2375", "N", "n", docker("storagenode", "tcp://10.0.0.5:2375"), ""},
		{"a container of another machine, and an API", "N:docker://storagenode@tcp://10.0.0.5:2375:http://10.0.0.5:14002", "N", "n", docker("storagenode", "tcp://10.0.0.5:2375"), "http://10.0.0.5:14002"},
		{"a container behind IPv6, and an API", "N:docker://storagenode@tcp://[fd00::5]:2375:http://[fd00::5]:14002", "N", "n", docker("storagenode", "tcp://[fd00::5]:2375"), "http://[fd00::5]:14002"},
		{"a container with spaces and capitals", " N : DOCKER:// storagenode @ TCP:// h : 02375 : http://h:1", "N", "n", docker("storagenode", "tcp://h:2375"), "http://h:1"},
		{"a node named docker and a path", "docker://nas/n.log", "docker", "docker", file("//nas/n.log"), ""},
		{"a forwarder named docker", "N:docker:9999", "N", "n", tcp("docker:9999"), ""},
		{"a name in another script", "Узел 1:/n.log", "Узел 1", "node-ac31f1d8", file("/n.log"), ""},
		{"a name with an emoji of several parts", "👨‍🌾 farm:/n.log", "👨‍🌾 farm", "farm", file("/n.log"), ""},
	} {
		t.Run(test.about, func(t *testing.T) {
			got, err := settings.ParseNode(test.spec)
			if err != nil {
				t.Fatalf("ParseNode(%q): %v", test.spec, err)
			}
			want := settings.Node{
				Name: test.name, Key: test.key, Log: test.log, API: test.api,
				Thresholds: settings.Default().Thresholds,
			}
			if again, err := settings.ParseNode(got.Spec()); err != nil || !again.Equal(got) {
				t.Errorf("its own spec %q is read as %+v, %v", got.Spec(), again, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("ParseNode(%q), -want +got:\n%s", test.spec, diff)
			}
		})
	}
}

func TestParseNodeRefuses(t *testing.T) {
	const (
		mendSource    = `write a path that begins with / or ./ or a drive (C:\), the host:port of a log forwarder, or docker:// and a container's name`
		mendPort      = `write the log forwarder's port, a number from 1 to 65535, behind the host`
		mendAPI       = `write the address of the node's API, as in http://localhost:14002`
		mendAPIPort   = `write a port from 1 to 65535, as in http://localhost:14002`
		noName        = `the spec begins with a source or an API address instead of the node's name`
		userInAPI     = `the API address contains a user name or password, which would be stored unprotected`
		mendUserInAPI = `write the address without what stands before the @`
		query         = `the API address has a query or a fragment`
		mendQuery     = `write the address only up to the ? or #`
		mendDocker    = `write docker:// and the container's name, as in docker://storagenode`
		mendDaemon    = `write the daemon's socket or its host and port, as in docker://storagenode@unix:///var/run/docker.sock or docker://storagenode@tcp://10.0.0.5:2375`
		mendDockerTCP = `write its host and port, as in tcp://10.0.0.5:2375`
		mendIPv6      = `write it in brackets, as in [::1]:9999`
		mendPathEnd   = `; if it is the end of the path, end the spec with a colon`
	)
	for _, test := range []struct {
		about string
		spec  string
		want  settings.Problem // its Spec is test.spec where none is given
	}{
		{"nothing", "", settings.Problem{Field: "name", Reason: `the spec is empty`, Mend: `write "My-Node:/var/log/storagenode.log"`}},
		{"an empty name", ":/n.log", settings.Problem{Field: "name", Reason: `the name is empty`, Mend: `give the node a name, for example My-Node`}},
		{"a blank name", "  :/n.log", settings.Problem{Spec: ":/n.log", Field: "name", Reason: `the name is empty`, Mend: `give the node a name, for example My-Node`}},
		{"an invisible name", "\u200b:/n.log", settings.Problem{Field: "name", Reason: `the name has no visible character`, Mend: `give the node a name, for example My-Node`}},
		{"a control character", "a\tb:/n.log", settings.Problem{Field: "name", Reason: `the name contains the control character U+0009`, Mend: `remove the control character`}},
		{"a turn of direction", "a\u202eb:/n.log", settings.Problem{Field: "name", Reason: `the name contains the control character U+202E`, Mend: `remove the control character`}},
		{"a name that is no UTF-8", "a\xff:/n.log", settings.Problem{Spec: "a\ufffd:/n.log", Field: "name", Reason: `the name is not valid UTF-8`, Mend: `write the name in UTF-8`}},
		{"the reserved name", "Aggregate:/n.log", settings.Problem{Field: "name", Reason: `the name "Aggregate" is reserved: it means all nodes together`, Mend: `choose another name`}},
		{"the reserved name in small letters", "aggregate:/n.log", settings.Problem{Field: "name", Reason: `the name "Aggregate" is reserved: it means all nodes together`, Mend: `choose another name`}},
		{"a long name", strings.Repeat("ä", 101) + ":/n.log", settings.Problem{Field: "name", Reason: `the name has 101 characters, more than 100`, Mend: `choose a shorter name`}},

		{"only a path", "/var/log/n.log", settings.Problem{Field: "name", Reason: noName, Mend: `write a name and a colon before it: "My-Node:/var/log/n.log"`}},
		{"only a path and an API", "/var/log/n.log:http://h:1", settings.Problem{Field: "name", Reason: noName, Mend: `write a name and a colon before it: "My-Node:/var/log/n.log:http://h:1"`}},
		{"only a drive's path", `C:\logs\n.log`, settings.Problem{Field: "name", Reason: noName, Mend: `write a name and a colon before it: "My-Node:C:\logs\n.log"`}},
		{"only a drive's path, escaped", `C:\\logs\\n.log`, settings.Problem{Field: "name", Reason: noName, Mend: `write a name and a colon before it: "My-Node:C:\\logs\\n.log"`}},
		{"only a share", `\\nas\n.log`, settings.Problem{Field: "name", Reason: noName, Mend: `write a name and a colon before it: "My-Node:\\nas\n.log"`}},
		{"only an IPv6 forwarder", "[::1]:9999", settings.Problem{Field: "name", Reason: noName, Mend: `write a name and a colon before it: "My-Node:[::1]:9999"`}},
		{"only a forwarder", "192.168.1.100:9999", settings.Problem{Field: "name", Reason: noName, Mend: `write a name and a colon before it: "My-Node:192.168.1.100:9999"`}},
		{"only an API", "http://localhost:14002", settings.Problem{Field: "name", Reason: noName, Mend: `write a name and a colon before it: "My-Node::http://localhost:14002"`}},

		{"only a name", "Name", settings.Problem{Field: "source", Reason: `there is no source after the name`, Mend: `write "Name:/var/log/storagenode.log"`}},
		{"a missing source", "Name:", settings.Problem{Field: "source", Reason: `there is no source after the name`, Mend: `write "Name:/var/log/storagenode.log"`}},
		{"a missing source and API", "Name::", settings.Problem{Field: "source", Reason: `there is neither a source nor an API address after the name`, Mend: `write "Name:/var/log/storagenode.log" or "Name::http://localhost:14002"`}},
		{"an API in the source's place", "Name:http://h:14002", settings.Problem{Field: "source", Reason: `there is an API address where the source should be`, Mend: `write two colons before an API address without a log: "Name::http://h:14002"`}},
		{"port 0", "N:host:0", settings.Problem{Field: "source", Reason: `the port 0 is outside 1-65535`, Mend: mendPort}},
		{"port 70000", "N:host:70000", settings.Problem{Field: "source", Reason: `the port 70000 is outside 1-65535`, Mend: mendPort}},
		{"a huge port", "N:host:99999999999999999999", settings.Problem{Field: "source", Reason: `the port 99999999999999999999 is outside 1-65535`, Mend: mendPort}},
		{"a port 0 behind IPv6", "N:[::1]:0", settings.Problem{Field: "source", Reason: `the port 0 is outside 1-65535`, Mend: mendPort}},
		{"a port of letters", "N:host:abc", settings.Problem{Field: "source", Reason: `the port "abc" is not a number`, Mend: mendPort}},
		{"a port with a sign", "N:host:+9999", settings.Problem{Field: "source", Reason: `the port "+9999" is not a number`, Mend: mendPort}},
		{"an empty port", "N:host:", settings.Problem{Field: "source", Reason: `there is no port`, Mend: mendPort}},
		{"no port", "N:host", settings.Problem{Field: "source", Reason: `"host" is neither a file path nor host:port`, Mend: mendSource}},
		{"a bare file name", "N:n.log", settings.Problem{Field: "source", Reason: `"n.log" is neither a file path nor host:port`, Mend: mendSource}},
		{"no host", "N:9999", settings.Problem{Field: "source", Reason: `"9999" is a port without a host`, Mend: `write name, host and port, as in My-Node:192.168.1.100:9999`}},
		{"a home folder", "N:~/n.log", settings.Problem{Field: "source", Reason: `the ~ in "~/n.log" means nothing to the plugin`, Mend: `write the full path, which begins with /`}},
		{"a path without its drive", `Node:\logs\n.log`, settings.Problem{Field: "source", Reason: `the path "\logs\n.log" has no drive`, Mend: `write the drive too, as in C:\logs\node.log`}},
		{"a host with a space", "N:ho st:9999", settings.Problem{Field: "source", Reason: `"ho st" is not a host name`, Mend: mendSource}},
		{"a wrong IPv4 address", "N:300.1.1.1:9999", settings.Problem{Field: "source", Reason: `"300.1.1.1" is not an IPv4 address`, Mend: mendSource}},
		{"IPv6 without brackets", "N:fd00::5:9999", settings.Problem{Field: "source", Reason: `the IPv6 address in "fd00::5:9999" has no brackets`, Mend: mendIPv6}},
		{"loopback IPv6 without brackets", "N:::1:9999", settings.Problem{Field: "source", Reason: `the IPv6 address in "::1:9999" has no brackets`, Mend: mendIPv6}},
		{"IPv6 with an open bracket", "N:[::1:9999", settings.Problem{Field: "source", Reason: `the bracket of the IPv6 address "[::1:9999" is not closed`, Mend: mendIPv6}},
		{"IPv6 without a port", "N:[::1]", settings.Problem{Field: "source", Reason: `there is no port after "[::1]"`, Mend: `write the log forwarder's port behind it, as in [::1]:9999`}},
		{"a name in brackets", "N:[host]:9999", settings.Problem{Field: "source", Reason: `"host" is not an IPv6 address`, Mend: `write only an IPv6 address in brackets, as in [::1]:9999`}},
		{"a path with a NUL", "N:/n\x00.log", settings.Problem{Field: "source", Reason: `the path contains a control character`, Mend: `remove the control character`}},
		{"a path that is no UTF-8", "N:/\xff.log", settings.Problem{Spec: "N:/\ufffd.log", Field: "source", Reason: `the path is not valid UTF-8`, Mend: `rename the file or its folder, or follow it through a link with a plain name`}},
		{"a password in a source", "N:me:secret@host:9999", settings.Problem{Spec: "N:me:***@host:9999", Field: "source", Reason: `the port "***@host" is not a number`, Mend: mendPort}},

		{"only a container", "docker://storagenode", settings.Problem{Field: "name", Reason: noName, Mend: `write a name and a colon before it: "My-Node:docker://storagenode"`}},
		{"only a container and an API", "docker://storagenode:http://h:1", settings.Problem{Field: "name", Reason: noName, Mend: `write a name and a colon before it: "My-Node:docker://storagenode:http://h:1"`}},
		{"no container", "N:docker://", settings.Problem{Field: "source", Reason: `there is no container after docker://`, Mend: mendDocker}},
		{"no container, but a daemon", "N:docker://@unix:///run/d", settings.Problem{Spec: "N:docker://***@unix:///run/d", Field: "source", Reason: `there is no container after docker://`, Mend: mendDocker}},
		{"no container, but an API", "N:docker://:http://h:1", settings.Problem{Field: "source", Reason: `there is no container after docker://`, Mend: mendDocker}},
		{"a container with a slash", "N:docker:///storagenode", settings.Problem{Field: "source", Reason: `"/storagenode" is not the name of a container: it has two or more of the characters a-z, A-Z, 0-9, _, . and -, and begins with a letter or a digit`, Mend: mendDocker}},
		{"a container of one letter", "N:docker://s", settings.Problem{Field: "source", Reason: `"s" is not the name of a container: it has two or more of the characters a-z, A-Z, 0-9, _, . and -, and begins with a letter or a digit`, Mend: mendDocker}},
		{"a long name of a container", "N:docker://" + strings.Repeat("c", 256), settings.Problem{Spec: "N:docker://" + strings.Repeat("c", 189) + "…", Field: "source", Reason: `the name of the container has 256 bytes, more than 255`, Mend: mendDocker}},
		{"a container and an API without a scheme", "N:docker://storagenode:h:14002", settings.Problem{Field: "api", Reason: `the API address "h:14002" does not begin with http:// or https://`, Mend: `write http://h:14002`}},
		{"no daemon after the @", "N:docker://storagenode@", settings.Problem{Field: "source", Reason: `there is no address of a Docker daemon after the @`, Mend: mendDaemon + `, or leave the @ out`}},
		{"no daemon after the @, but an API", "N:docker://storagenode@:http://h:1", settings.Problem{Field: "source", Reason: `there is no address of a Docker daemon after the @`, Mend: mendDaemon + `, or leave the @ out`}},
		{"a daemon behind ssh", "N:docker://storagenode@ssh://me@host:http://h:1", settings.Problem{Spec: "N:docker://storagenode@ssh://***@host:http://h:1", Field: "source", Reason: `a Docker daemon behind ssh:// is not supported`, Mend: `let ssh -L forward the daemon's socket to this machine, and write docker://storagenode@unix:// and the path that it has here`}},
		{"a daemon with another scheme", "N:docker://storagenode@http://10.0.0.5:2375", settings.Problem{Field: "source", Reason: `the scheme "http" of the Docker daemon's address is not unix or tcp`, Mend: mendDaemon}},
		{"a daemon of Windows", "N:docker://storagenode@npipe:////./pipe/docker_engine", settings.Problem{Field: "source", Reason: `the scheme "npipe" of the Docker daemon's address is not unix or tcp`, Mend: mendDaemon}},
		{"a daemon without a scheme", "N:docker://storagenode@10.0.0.5:2375", settings.Problem{Field: "source", Reason: `"10.0.0.5:2375" is not the address of a Docker daemon: it begins with neither unix:// nor tcp://`, Mend: mendDaemon}},
		{"a socket without a scheme", "N:docker://storagenode@/run/d", settings.Problem{Field: "source", Reason: `there is no unix:// before the path of the Docker socket`, Mend: `write "unix:///run/d"`}},
		{"a relative socket", "N:docker://storagenode@unix://run/d", settings.Problem{Field: "source", Reason: `the path of the Docker socket does not begin with a slash`, Mend: `write three slashes, as in unix:///var/run/docker.sock`}},
		{"a port behind a socket", "N:docker://storagenode@unix:///run/d:14002", settings.Problem{Field: "api", Reason: `the API address "14002" does not begin with http:// or https://`, Mend: `write http://localhost:14002` + mendPathEnd}},
		{"a socket with a NUL", "N:docker://storagenode@unix:///d\x00", settings.Problem{Field: "source", Reason: `the path contains a control character`, Mend: `remove the control character`}},
		{"a daemon without a port", "N:docker://storagenode@tcp://host", settings.Problem{Field: "source", Reason: `the address of the Docker daemon is wrong: there is no port`, Mend: mendDockerTCP}},
		{"a daemon with port 0", "N:docker://storagenode@tcp://host:0", settings.Problem{Field: "source", Reason: `the address of the Docker daemon is wrong: the port 0 is outside 1-65535`, Mend: mendDockerTCP}},
		{"a daemon with a password", "N:docker://storagenode@tcp://me:secret@host:2375", settings.Problem{Spec: "N:docker://storagenode@tcp://***@host:2375", Field: "source", Reason: `the address of the Docker daemon is wrong: the port "***@host" is not a number`, Mend: mendDockerTCP}},
		{"a password instead of a container", "N:docker://me:secret@host", settings.Problem{Spec: "N:docker://***@host", Field: "api", Reason: `the API address "***@host" does not begin with http:// or https://`, Mend: mendAPI}},

		{"another scheme", "N:/n.log:ftp://host:21", settings.Problem{Field: "api", Reason: `the scheme "ftp" of the API address is not http or https`, Mend: mendAPI}},
		{"another scheme without a log", "N::unix:///run/node.sock", settings.Problem{Field: "api", Reason: `the scheme "unix" of the API address is not http or https`, Mend: mendAPI}},
		{"no scheme", "N:host:9999:host:14002", settings.Problem{Field: "api", Reason: `the API address "host:14002" does not begin with http:// or https://`, Mend: `write http://host:14002`}},
		{"no scheme behind a path", "N:/n.log:host:14002", settings.Problem{Field: "api", Reason: `the API address "host:14002" does not begin with http:// or https://`, Mend: `write http://host:14002` + mendPathEnd}},
		{"a port behind a path", "N:/n.log:14002", settings.Problem{Field: "api", Reason: `the API address "14002" does not begin with http:// or https://`, Mend: `write http://localhost:14002` + mendPathEnd}},
		{"a mistyped scheme behind a path", "N:/n.log:http//host", settings.Problem{Field: "api", Reason: `the API address "http//host" does not begin with http:// or https://`, Mend: mendAPI}},
		{"no host", "N::http://", settings.Problem{Field: "api", Reason: `the API address has no host`, Mend: mendAPI}},
		{"a port without a host", "N::http://:14002", settings.Problem{Field: "api", Reason: `the API address has no host`, Mend: mendAPI}},
		{"port 0 of an API", "N::http://host:0", settings.Problem{Field: "api", Reason: `the API address is wrong: the port 0 is outside 1-65535`, Mend: mendAPIPort}},
		{"port 70000 of an API", "N:/n.log:http://host:70000", settings.Problem{Field: "api", Reason: `the API address is wrong: the port 70000 is outside 1-65535`, Mend: mendAPIPort}},
		{"an empty port of an API", "N::http://host:", settings.Problem{Field: "api", Reason: `the API address is wrong: there is no port`, Mend: mendAPIPort}},
		{"a bad URL", "N:/n.log:http://ho st", settings.Problem{Field: "api", Reason: `the API address cannot be read: invalid character " " in host name`, Mend: mendAPI}},
		{"two APIs", "N:/n.log:http://a:http://b", settings.Problem{Field: "api", Reason: `the API address cannot be read: invalid port ":http:" after host`, Mend: mendAPI}},
		{"a host that is none", "N::http://a..b:14002", settings.Problem{Field: "api", Reason: `the API address is wrong: "a..b" is not a host name`, Mend: mendAPI}},
		{"an API with bare IPv6", "N::http://::1:14002", settings.Problem{Field: "api", Reason: `the IPv6 address in the API address has no brackets`, Mend: `write it in brackets, as in http://[::1]:14002`}},
		{"a password", "N:/n.log:http://me:secret@host:14002", settings.Problem{Spec: "N:/n.log:http://***@host:14002", Field: "api", Reason: userInAPI, Mend: mendUserInAPI}},
		{"a password with a slash", "N::http://me:se/cret@host", settings.Problem{Spec: "N::http://***@host", Field: "api", Reason: userInAPI, Mend: mendUserInAPI}},
		{"a user name", "N::http://me@host", settings.Problem{Spec: "N::http://***@host", Field: "api", Reason: userInAPI, Mend: mendUserInAPI}},
		{"a query", "N::http://host?token=secret", settings.Problem{Spec: "N::http://host?***", Field: "api", Reason: query, Mend: mendQuery}},
		{"a fragment", "N::http://host/#secret", settings.Problem{Spec: "N::http://host/#***", Field: "api", Reason: query, Mend: mendQuery}},
		{"the API's own path", "N::http://host:14002/api/sno/", settings.Problem{Field: "api", Reason: `the API address ends in /api/sno, which the plugin adds by itself`, Mend: `write http://host:14002`}},
	} {
		t.Run(test.about, func(t *testing.T) {
			got, err := settings.ParseNode(test.spec)
			if err == nil {
				t.Fatalf("ParseNode(%q) = %+v, wanted a refusal", test.spec, got)
			}
			var problem settings.Problem
			if !errors.As(err, &problem) {
				t.Fatalf("ParseNode(%q): %T is not a Problem", test.spec, err)
			}
			want := test.want
			want.Index = settings.NoIndex
			if want.Spec == "" {
				want.Spec = test.spec
			}
			if diff := cmp.Diff(want, problem); diff != "" {
				t.Errorf("ParseNode(%q), -want +got:\n%s", test.spec, diff)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the message repeats a secret: %s", err)
			}
		})
	}
}

func TestProblemNamesSpecFieldAndMend(t *testing.T) {
	_, err := settings.ParseNode(`Win:C:\n.log:gopher://h`)
	const want = `"Win:C:\n.log:gopher://h": api: the scheme "gopher" of the API address is not http or https; write the address of the node's API, as in http://localhost:14002`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestLongSpecIsShortened(t *testing.T) {
	_, err := settings.ParseNode("N:" + strings.Repeat("x", 10000))
	if err == nil || len(err.Error()) > 1000 {
		t.Errorf("got a message of %d bytes", len(err.Error()))
	}
}

func TestParseSpecs(t *testing.T) {
	const text = "\uFEFF# my nodes\r\n" +
		"One:/one.log\r\n" +
		"\r\n" +
		"  Two : /two.log : http://localhost:15002/  \r\n" +
		"Bad:host:0\r\n" +
		"One:/again.log\n" +
		"Old:/old.log\n" +
		`--node "Quoted:/q.log" \` + "\n" +
		"--node='Single:/s.log'\n" +
		"one:/lower.log\n" +
		"Last::http://h:14002"
	nodes, problems := settings.ParseSpecs(text, []string{" Old ", "Else"})

	var got []string
	for _, node := range nodes {
		got = append(got, node.Key+" "+node.Spec())
	}
	want := []string{
		"one-8b125077 One:/one.log",
		"two Two:/two.log:http://localhost:15002",
		"quoted Quoted:/q.log",
		"single Single:/s.log",
		"one-7692c3ad one:/lower.log",
		"last Last::http://h:14002",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("nodes, -want +got:\n%s", diff)
	}
	wantProblems := []settings.Problem{
		{Index: 5, Spec: "Bad:host:0", Field: "source", Reason: "the port 0 is outside 1-65535", Mend: "write the log forwarder's port, a number from 1 to 65535, behind the host"},
		{Index: 6, Spec: "One:/again.log", Field: "name", Reason: `line 2 has the name "One" already`, Mend: "give each node a name of its own"},
		{Index: 7, Spec: "Old:/old.log", Field: "name", Reason: `there is already a node named "Old"`, Mend: "give each node a name of its own"},
	}
	if diff := cmp.Diff(wantProblems, problems); diff != "" {
		t.Errorf("problems, -want +got:\n%s", diff)
	}
}

func TestParseSpecsOfNothing(t *testing.T) {
	nodes, problems := settings.ParseSpecs("\n  \n# nothing\n", nil)
	if nodes != nil || problems != nil {
		t.Errorf("got %v and %v", nodes, problems)
	}
}

func TestParseSourceAndAPIAlone(t *testing.T) {
	// Alone, a path may end like a port: no API can follow it.
	source, err := settings.ParseSource(" /logs/node:14002 ")
	if err != nil || source != file("/logs/node:14002") {
		t.Errorf("got %+v, %v", source, err)
	}
	if source, err := settings.ParseSource("  "); err != nil || source.Kind != settings.NoLog {
		t.Errorf("an empty source: got %+v, %v", source, err)
	}
	if _, err := settings.ParseSource("/n.log:http://h:14002"); err == nil {
		t.Error("a path with an API behind it was taken for a path")
	}
	if source, err := settings.ParseSource(" docker://storagenode@tcp://10.0.0.5:2375 "); err != nil || source != docker("storagenode", "tcp://10.0.0.5:2375") {
		t.Errorf("got %+v, %v", source, err)
	}
	for text, reason := range map[string]string{
		"docker://storagenode:http://h:14002":             "write the API address in its own field, and \"docker://storagenode\" here",
		"docker://storagenode@unix:///d:http://h:14002":   "write the API address in its own field, and \"docker://storagenode@unix:///d\" here",
		"docker://storagenode@tcp://h:1:https://h:14002":  "write the API address in its own field, and \"docker://storagenode@tcp://h:1\" here",
		"docker://storagenode:14002":                      "there is a colon in the name of the container",
		"docker://me:secret@tcp://h:2375":                 "there is a colon in the name of the container",
		"docker://storagenode@unix:///d:ftp://me:secret@": "write the API address in its own field",
	} {
		_, err := settings.ParseSource(text)
		if err == nil || !strings.Contains(err.Error(), reason) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v", text, err)
		}
	}
	if _, err := settings.ParseSource("http://h:14002"); err == nil {
		t.Error("an API was taken for a log")
	}
	if api, err := settings.ParseAPI(" http://h:14002/ "); err != nil || api != "http://h:14002" {
		t.Errorf("got %q, %v", api, err)
	}
	if _, err := settings.ParseAPI(""); err == nil {
		t.Error("an empty API address was taken")
	}
}

func TestSourceHost(t *testing.T) {
	for source, want := range map[settings.Source]string{
		{}:                    "",
		file("/n.log"):        "",
		tcp("10.0.0.5:9999"):  "10.0.0.5",
		tcp("[fd00::5]:9999"): "fd00::5",
		docker("c", ""):       "",
		docker("c", "unix:///var/run/docker.sock"): "",
		docker("c", "unix:///run/a:1"):             "",
		docker("c", "tcp://10.0.0.5:2375"):         "10.0.0.5",
		docker("c", "tcp://[::1]:2375"):            "::1",
	} {
		if got := source.Host(); got != want {
			t.Errorf("the host of %q is %q, wanted %q", source, got, want)
		}
	}
}

func TestAllowsAPI(t *testing.T) {
	local := settings.Default()
	local.AllowRemoteAPI = false
	for api, want := range map[string]bool{
		"http://localhost:14002":            true,
		"http://LOCALHOST.:14002":           true,
		"http://node1.localhost:14002":      true,
		"http://127.0.0.1:14002":            true,
		"http://127.1.2.3:14002":            true,
		"http://[::1]:14002":                true,
		"http://[::ffff:127.0.0.1]:14002":   true,
		"http://0.0.0.0:14002":              true,
		"http://host.docker.internal:14002": true,
		"http://192.168.1.100:14002":        false,
		"http://127.0.0.1.example.com:1":    false,
		"http://localhost.example.com:1":    false,
		"http://[fd00::5]:14002":            false,
		"":                                  false,
		"http://":                           false,
	} {
		if got := local.AllowsAPI(api); got != want {
			t.Errorf("remote APIs off: AllowsAPI(%q) = %t", api, got)
		}
	}
	if !settings.Default().AllowsAPI("http://192.168.1.100:14002") {
		t.Error("remote APIs are on, and still one is not allowed")
	}
}

func FuzzParseNode(f *testing.F) {
	for _, spec := range []string{
		"My-Node:/var/log/storagenode.log:http://localhost:14002", "Remote:192.168.1.100:9999", "Name::https://host/prefix/",
		`N:C:\logs\n.log:http://h`, `N:\\nas\n.log`, "N:[fe80::1%eth0]:9999:http://[fe80::1%25eth0]:1", "N:/mnt/a:b/n.log", "N:/n:http://u:p@h?q#f", ":", "::", "N:::1:9", "0:.0::", "N:/n:10:",
		"N:docker://storagenode@unix:///var/run/docker.sock:http://h", "N:docker://c1@tcp://[::1]:2375:", " docker : //c1", "N:docker://c1@unix:///a:1:",
	} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		node, err := settings.ParseNode(spec)
		if err != nil {
			var problem settings.Problem
			if !errors.As(err, &problem) || problem.Field == "" || problem.Reason == "" || problem.Mend == "" {
				t.Fatalf("%q: an incomplete refusal: %#v", spec, err)
			}
			return
		}
		checkNode(t, node)
		again, err := settings.ParseNode(node.Spec())
		if err != nil {
			t.Fatalf("%q was taken, but its own spec is refused: %v", spec, err)
		}
		if diff := cmp.Diff(node, again); diff != "" {
			t.Fatalf("%q read again, -first +second:\n%s", spec, diff)
		}
	})
}

func FuzzParseSpecs(f *testing.F) {
	f.Add("One:/one.log\nTwo:host:9999\n# no\nOne:/x.log", "Old")
	f.Add("--node \"N:/n.log\" \\\r\nn:/m.log\rn :/k.log", "N")
	f.Fuzz(func(t *testing.T, text, existing string) {
		nodes, problems := settings.ParseSpecs(text, []string{existing})
		names, keys := map[string]bool{strings.TrimSpace(existing): true}, map[string]bool{}
		for _, node := range nodes {
			checkNode(t, node)
			if names[node.Name] || keys[node.Key] {
				t.Fatalf("the name %q or the key %q is there twice", node.Name, node.Key)
			}
			names[node.Name], keys[node.Key] = true, true
		}
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + 1
		for _, problem := range problems {
			if problem.Index < 1 || problem.Index > lines {
				t.Fatalf("line %d of %d: %v", problem.Index, lines, problem)
			}
		}
	})
}

func FuzzParseAPI(f *testing.F) {
	f.Add("http://localhost:14002/")
	f.Add("https://[fe80::1%25eth0]:1/a%20b/../c//")
	f.Fuzz(func(t *testing.T, text string) {
		api, err := settings.ParseAPI(text)
		if err != nil {
			return
		}
		if strings.HasSuffix(api, "/") || strings.ContainsAny(api, "@?# ") && !strings.Contains(api, "/") {
			t.Fatalf("%q became %q", text, api)
		}
		if again, err := settings.ParseAPI(api); err != nil || again != api {
			t.Fatalf("%q became %q, and that became %q, %v", text, api, again, err)
		}
		if !settings.Default().AllowsAPI(api) {
			t.Fatalf("%q cannot be asked", api)
		}
	})
}
