"""What a result's zip and a collection of them share: members that are deflated already, and the texts of vrt files."""
