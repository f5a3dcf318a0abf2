"""What the locks bring along: known vulnerabilities and licences, held to what is accepted in accepted.yaml."""
