package settings

// ParseAPI and ParseSource are what reads the "api" and the "log" of a node object,
// for tests of a field alone.

func ParseAPI(text string) (string, error) {
	api, bad := parseAPI(text)
	if bad != nil {
		return "", bad.in(text, NoIndex)
	}
	return api, nil
}

func ParseSource(text string) (Source, error) {
	source, bad := parseSource(text)
	if bad != nil {
		return Source{}, bad.in(text, NoIndex)
	}
	return source, nil
}
