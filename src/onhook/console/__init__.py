"""What a person sees in a browser: the pages below ``/console``, rendered here, for operators who sign in."""
